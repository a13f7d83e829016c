// Memory of results and of large work arrays.
//
// Fresh pages cost more than the transform that fills them: a large block is therefore backed by huge pages where the
// system has them, and the last few blocks that were released are kept, warm, for the next request of that size.
#pragma once

#include <cstddef>

namespace phasewise {

// 64-byte aligned, uninitialised. Throws std::bad_alloc.
void* allocate(std::size_t bytes);
void release(void* block, std::size_t bytes) noexcept;

// Most bytes that released blocks may hold on to; a request that finds no block of its size gives them all back first,
// so that kept memory never adds to the peak.
inline constexpr std::size_t kept_bytes = std::size_t{1} << 30;

// Larger released blocks stay ours only until the system needs their pages (Linux; elsewhere they are not kept).
inline constexpr std::size_t lent_bytes = std::size_t{64} << 20;

// Gives all kept blocks back to the system.
void trim_memory() noexcept;

}  // namespace phasewise
