#include "phasewise/filter_bank.hpp"

namespace phasewise {

template <class T>
FilterBank<T>::FilterBank(const T* weights, std::size_t count, std::size_t bins) : bins_(bins) {
  std::vector<std::size_t> offsets;
  for (std::size_t i = 0; i < count; ++i) {
    const T* row = weights + i * bins;
    std::size_t first = 0, last = bins;
    while (first < last && row[first] == T(0)) ++first;
    while (last > first && row[last - 1] == T(0)) --last;
    offsets.push_back(weights_.size());
    filters_.push_back({first, last - first, nullptr});
    weights_.insert(weights_.end(), row + first, row + last);
  }
  for (std::size_t i = 0; i < count; ++i) filters_[i].weights = weights_.data() + offsets[i];
}

template class FilterBank<float>;
template class FilterBank<double>;

}  // namespace phasewise
