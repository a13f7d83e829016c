// The pool: every item once, nested and concurrent calls, exceptions, changing sizes. Meant for the thread sanitizer.
#include "check.hpp"

#include <atomic>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "phasewise/threads.hpp"

using namespace phasewise;

void every_item_once(std::size_t count, int threads) {
  set_num_threads(threads);
  std::vector<int> seen(count, 0);
  parallel_for(count, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) ++seen[i];
  });
  for (const int n : seen) CHECK(n == 1, "an item was run %d times", n);
}

void nested_calls_run_serially() {
  set_num_threads(4);
  std::atomic<int> total{0};
  parallel_for(8, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::thread::id here = std::this_thread::get_id();
      parallel_for(100, 1, [&](std::size_t b, std::size_t e) {
        CHECK(std::this_thread::get_id() == here, "a nested call changed the thread");
        total += static_cast<int>(e - b);
      });
    }
  });
  CHECK(total == 800, "%d", total.load());
}

void exceptions_come_back() {
  set_num_threads(3);
  for (std::size_t bad = 0; bad < 9; ++bad) {
    bool caught = false;
    try {
      parallel_for(9, 1, [&](std::size_t begin, std::size_t end) {
        if (begin <= bad && bad < end) throw std::runtime_error("expected");
      });
    } catch (const std::runtime_error&) {
      caught = true;
    }
    CHECK(caught, "the exception of item %zu was lost", bad);
  }
  every_item_once(10, 3);
}

void concurrent_callers() {
  set_num_threads(3);
  std::vector<std::thread> callers;
  std::vector<long> sums(4, 0);
  for (std::size_t c = 0; c < sums.size(); ++c)
    callers.emplace_back([&, c] {
      for (int round = 0; round < 200; ++round) {
        std::vector<long> part(64, 0);
        parallel_for(64, 1, [&](std::size_t begin, std::size_t end) {
          for (std::size_t i = begin; i < end; ++i) part[i] = static_cast<long>(i);
        });
        sums[c] += std::accumulate(part.begin(), part.end(), 0L);
      }
    });
  for (auto& t : callers) t.join();
  for (const long s : sums) CHECK(s == 200 * 2016, "%ld", s);
}

int main() {
  for (const int threads : {1, 2, 5, 3})
    for (const std::size_t count : {0, 1, 2, 3, 7, 1000}) every_item_once(count, threads);
  nested_calls_run_serially();
  exceptions_come_back();
  concurrent_callers();
  return failures;
}
