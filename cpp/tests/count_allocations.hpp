// Counts what a test program allocates with new; for one file of a program.
#pragma once

#include <cstdlib>
#include <new>
#if defined(_MSC_VER)
#include <malloc.h>
#endif

static std::size_t allocations = 0;

#if defined(_MSC_VER)
#define PW_ALIGNED_ALLOC(size, alignment) _aligned_malloc(size, alignment)
#define PW_ALIGNED_FREE(block) _aligned_free(block)
#define PW_APART __declspec(noinline)
#else
#define PW_ALIGNED_ALLOC(size, alignment) std::aligned_alloc(alignment, ((size) + (alignment) - 1) / (alignment) * (alignment))
#define PW_ALIGNED_FREE(block) std::free(block)
#define PW_APART __attribute__((noinline))  // GCC warns of a free() that it sees without its malloc()
#endif

PW_APART void* operator new(std::size_t size) {
  ++allocations;
  if (void* block = std::malloc(size == 0 ? 1 : size)) return block;
  throw std::bad_alloc();
}
PW_APART void* operator new(std::size_t size, std::align_val_t alignment) {
  ++allocations;
  if (void* block = PW_ALIGNED_ALLOC(size == 0 ? 1 : size, static_cast<std::size_t>(alignment))) return block;
  throw std::bad_alloc();
}
PW_APART void operator delete(void* block) noexcept { std::free(block); }
PW_APART void operator delete(void* block, std::size_t) noexcept { std::free(block); }
PW_APART void operator delete(void* block, std::align_val_t) noexcept { PW_ALIGNED_FREE(block); }
PW_APART void operator delete(void* block, std::size_t, std::align_val_t) noexcept { PW_ALIGNED_FREE(block); }
