// A bank of filters on the bins of a spectrum, such as mel filters: each is a stretch of weights, zero elsewhere.
#pragma once

#include <cstddef>
#include <vector>

#include "phasewise/dispatch.hpp"

namespace phasewise {

template <class T>
class FilterBank {
 public:
  // weights: (count, bins), row after row
  FilterBank(const T* weights, std::size_t count, std::size_t bins);
  FilterBank(const FilterBank&) = delete;
  FilterBank& operator=(const FilterBank&) = delete;

  std::size_t count() const { return filters_.size(); }
  std::size_t bins() const { return bins_; }
  const FilterStretch<T>* filters() const { return filters_.data(); }

 private:
  std::size_t bins_;
  std::vector<T> weights_;
  std::vector<FilterStretch<T>> filters_;
};

}  // namespace phasewise
