#include "phasewise/memory.hpp"

#include <mutex>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace phasewise {
namespace {

constexpr std::size_t large = std::size_t{1} << 20;      // smaller blocks are the allocator's business
constexpr std::size_t huge_page = std::size_t{2} << 20;

void* allocate_fresh(std::size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (bytes >= 2 * huge_page) {
    void* block = ::operator new(bytes, std::align_val_t{huge_page});
    madvise(block, bytes, MADV_HUGEPAGE);  // advice: failure changes nothing but the speed
    return block;
  }
#endif
  return ::operator new(bytes, std::align_val_t{64});
}

void release_fresh(void* block, std::size_t bytes) noexcept {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (bytes >= 2 * huge_page) {
    ::operator delete(block, std::align_val_t{huge_page});
    return;
  }
#endif
  ::operator delete(block, std::align_val_t{64});
}

// Lets the system take the pages of a block when it runs short of memory; until then they stay warm.
bool lend(void* block, std::size_t bytes) noexcept {
#if defined(__linux__) && defined(MADV_FREE)
  // From the first whole huge page on: `block` is aligned to one.
  return madvise(block, bytes / huge_page * huge_page, MADV_FREE) == 0;
#else
  static_cast<void>(block);
  static_cast<void>(bytes);
  return false;
#endif
}

struct Kept {
  void* block = nullptr;
  std::size_t bytes = 0;
};

// A handful of blocks, newest first. Requests of slightly different sizes do not share blocks: a pipeline repeats itself.
class Shelf {
 public:
  void* take(std::size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (Kept& kept : kept_)
      if (kept.bytes == bytes) {
        void* block = kept.block;
        kept = {};
        return block;
      }
    clear();
    return nullptr;
  }

  bool put(void* block, std::size_t bytes) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::size_t total = bytes;
    for (const Kept& kept : kept_) total += kept.bytes;
    if (total > kept_bytes || (bytes > lent_bytes && !lend(block, bytes))) return false;
    for (Kept& kept : kept_)
      if (kept.block == nullptr) {
        kept = {block, bytes};
        return true;
      }
    return false;
  }

  void trim() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    clear();
  }

 private:
  void clear() noexcept {
    for (Kept& kept : kept_) {
      if (kept.block != nullptr) release_fresh(kept.block, kept.bytes);
      kept = {};
    }
  }

  std::mutex mutex_;
  Kept kept_[8];
};

Shelf& shelf() {
  static Shelf* const instance = new Shelf;  // outlives arrays that are freed while the process ends
  return *instance;
}

}  // namespace

void* allocate(std::size_t bytes) {
  if (bytes >= large)
    if (void* block = shelf().take(bytes)) return block;
  return allocate_fresh(bytes);
}

void release(void* block, std::size_t bytes) noexcept {
  if (block == nullptr) return;
  if (bytes >= large && shelf().put(block, bytes)) return;
  release_fresh(block, bytes);
}

void trim_memory() noexcept { shelf().trim(); }

}  // namespace phasewise
