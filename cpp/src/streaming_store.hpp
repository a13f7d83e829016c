// When results are written past the caches.
#pragma once

#include <cstddef>

namespace phasewise {

// For larger results, reading a line only to overwrite it would cost as much as the transform.
constexpr std::size_t streaming_bytes = std::size_t{4} << 20;

}  // namespace phasewise
