#include "phasewise/threads.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace phasewise {
namespace {

using Body = std::function<void(std::size_t, std::size_t)>;

thread_local bool inside_parallel = false;
thread_local int thread_limit = 0;  // of the jobs that this thread starts; 0: none

int usable_cores() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

int initial_threads() {
  const char* text = std::getenv("PHASEWISE_NUM_THREADS");
  if (text == nullptr || *text == '\0') return usable_cores();
  char* end = nullptr;
  const long n = std::strtol(text, &end, 10);
  if (*end != '\0' || n < 1 || n > 4096)
    throw std::invalid_argument("PHASEWISE_NUM_THREADS must be an integer >= 1, got '" + std::string(text) + "'.");
  return static_cast<int>(n);
}

std::atomic<int>& thread_setting() {
  static std::atomic<int> n{initial_threads()};
  return n;
}

// Workers sleep on a condition variable and never spin: torch's own threads may want the cores.
class Pool {
 public:
  explicit Pool(int workers) {
    for (int i = 0; i < workers; ++i) threads_.emplace_back([this, i] { work(i); });
  }
  ~Pool() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (auto& t : threads_) t.join();
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int workers() const { return static_cast<int>(threads_.size()); }

  // Cuts [0, count) into pieces that the calling thread and at most `helpers` workers take one after the other. A worker that
  // wakes up too late finds nothing left and is not waited for.
  void run(std::size_t count, std::size_t pieces, int helpers, const Body& body) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      body_ = &body;
      count_ = count;
      pieces_ = pieces;
      helpers_ = helpers;
      next_.store(0, std::memory_order_relaxed);
      error_ = nullptr;
      open_ = true;
      ++generation_;
    }
    wake_.notify_all();
    take_pieces();
    std::unique_lock<std::mutex> lock(mutex_);
    open_ = false;
    done_.wait(lock, [this] { return running_ == 0; });
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  void take_pieces() {
    for (;;) {
      const std::size_t piece = next_.fetch_add(1, std::memory_order_relaxed);
      if (piece >= pieces_) return;
      try {
        inside_parallel = true;
        (*body_)(count_ * piece / pieces_, count_ * (piece + 1) / pieces_);
        inside_parallel = false;
      } catch (...) {
        inside_parallel = false;
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!error_) error_ = std::current_exception();
      }
    }
  }

  void work(int index) {
    unsigned long seen = 0;
    for (;;) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || generation_ != seen; });
        if (stopping_) return;
        seen = generation_;
        if (!open_ || index >= helpers_) continue;
        ++running_;
      }
      take_pieces();
      const std::lock_guard<std::mutex> lock(mutex_);
      if (--running_ == 0) done_.notify_one();
    }
  }

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const Body* body_ = nullptr;
  std::size_t count_ = 0, pieces_ = 0;
  std::atomic<std::size_t> next_{0};
  int helpers_ = 0, running_ = 0;
  unsigned long generation_ = 0;
  bool open_ = false, stopping_ = false;
  std::exception_ptr error_;
};

// The pool runs one job at a time; a second Python thread that arrives meanwhile runs its job on its own.
struct Owner {
  std::mutex busy;
  std::unique_ptr<Pool> pool;
};

Owner& owner() {
  static Owner* const o = [] {
    auto* fresh = new Owner;  // never destroyed: workers must not be joined during static destruction
#if defined(__unix__) || defined(__APPLE__)
    // A forked child has no workers: stop them before, let both sides start anew when they next need them.
    pthread_atfork([] { owner().busy.lock(); owner().pool.reset(); }, [] { owner().busy.unlock(); },
                   [] { owner().busy.unlock(); });
#endif
    return fresh;
  }();
  return *o;
}

}  // namespace

int num_threads() { return thread_setting().load(std::memory_order_relaxed); }

void limit_threads(int n) { thread_limit = std::max(0, n); }

void set_num_threads(int n) {
  if (n < 1 || n > 4096) throw std::invalid_argument("num_threads must be in [1, 4096], got " + std::to_string(n) + ".");
  thread_setting().store(n, std::memory_order_relaxed);
}

void parallel_for(std::size_t count, std::size_t grain, const Body& body, std::size_t pieces_per_thread) {
  if (count == 0) return;
  const std::size_t most = std::max<std::size_t>(1, count / std::max<std::size_t>(1, grain));
  const int budget = thread_limit > 0 ? std::min(thread_limit, num_threads()) : num_threads();
  const std::size_t threads = std::min(most, static_cast<std::size_t>(budget));
  if (threads > 1 && !inside_parallel) {
    Owner& o = owner();
    const std::unique_lock<std::mutex> busy(o.busy, std::try_to_lock);
    if (busy.owns_lock()) {
      const int helpers = static_cast<int>(threads) - 1;
      if (!o.pool || o.pool->workers() < helpers) {
        o.pool.reset();
        o.pool = std::make_unique<Pool>(helpers);
      }
      o.pool->run(count, std::min(most, threads * pieces_per_thread), helpers, body);
      return;
    }
  }
  body(0, count);
}

}  // namespace phasewise
