// One lazy pool of worker threads for the whole core.
#pragma once

#include <cstddef>
#include <functional>

namespace phasewise {

// Threads used by parallel_for: set_num_threads(), else PHASEWISE_NUM_THREADS, else the cores this process may run on.
int num_threads();
void set_num_threads(int n);  // throws std::invalid_argument unless n >= 1

// Jobs that the calling thread starts from now on use at most n threads: the budget of a caller such as torch. 0: no limit.
void limit_threads(int n);

// Splits [0, count) into contiguous ranges and calls body(begin, end) on each; returns when all are done. Threads take the
// ranges as they become free: several per thread even out threads that start late.
// The split never decides a result: every output element must have one owner and a fixed order of operations.
// Ranges hold at least `grain` items. Calls from inside a body run serially. The first exception is rethrown.
void parallel_for(std::size_t count, std::size_t grain, const std::function<void(std::size_t, std::size_t)>& body,
                  std::size_t pieces_per_thread = 1);

}  // namespace phasewise
