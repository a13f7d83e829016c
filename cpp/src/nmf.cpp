#include "phasewise/nmf.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "nmf_dictionary.hpp"
#include "nmf_momentum.hpp"
#include "nmf_rule.hpp"
#include "phasewise/aligned.hpp"
#include "phasewise/dispatch.hpp"
#include "phasewise/threads.hpp"

namespace phasewise {
namespace {

constexpr std::size_t tolerance_period = 10;
constexpr std::size_t small_product = std::size_t(1) << 20;

// The iterations of one matrix.
template <class T>
class Factorization {
 public:
  Factorization(const NmfBatch<T>& problem, std::size_t index, const NmfOptions& options)
      : kernels_(nmf_kernels<T>(active_isa())), options_(options), w_(problem.w + index * problem.freq * problem.rank),
        h_(problem.h + index * problem.frames * problem.rank), costs_(problem.costs ? problem.costs + index * options.iterations : nullptr),
        frames_(problem.frames), tiles_((frames_ + kernels_.tile_frames - 1) / kernels_.tile_frames),
        data_{problem.v + index * problem.frames * problem.freq, problem.frames, problem.freq,
              problem.weights ? problem.weights + index * problem.weights_matrix : nullptr, problem.weights_frame},
        extent_(measure(data_)), scale_(scale_of<T>(extent_)), shape_(shape_of<T>(problem.freq, problem.rank, kernels_.lanes)),
        rule_(make_rule<T>(options, extent_, scale_, data_.weights != nullptr, smooth())),
        dictionary_(kernels_, gemm_kernels<T>(active_isa()), shape_, rule_.kind, options.normalize_w) {
    rule_.fixed = problem.fixed;
    rule_.groups = problem.groups;
    rule_.group_count = problem.group_count;
    load();
  }

  // Returns the number of iterations made, or -1 when `progress` stopped them.
  std::ptrdiff_t run(const std::function<bool(double)>& progress) {
    const bool watch = options_.tol > 0 && options_.iterations >= tolerance_period;
    double first = 0, previous = 0;
    if (watch) first = previous = distance(current_cost().divergence);
    std::size_t i = 0;
    while (i < options_.iterations) {
      const std::size_t count = std::min(round_length(static_cast<bool>(progress)), options_.iterations - i);
      if (options_.accelerate) leap(i);
      else if (options_.update_w) iterate();
      else iterate_activations(i, count);
      i += count;
      const bool check = watch && i % tolerance_period == 0;
      const bool evaluate = costs_ != nullptr && !costs_within_tiles() && !options_.accelerate;
      if (evaluate) costs_[i - 1] = current_cost().total;
      if (check) {
        const double now = distance(evaluate ? last_.divergence : current_cost().divergence);
        if (!((previous - now) >= options_.tol * first)) break;
        previous = now;
      }
      if (progress && !progress(static_cast<double>(i) / static_cast<double>(options_.iterations))) return -1;
    }
    if (options_.accelerate && costs_ != nullptr && i > 0) fill_costs(i, current_cost().total);
    store();
    return static_cast<std::ptrdiff_t>(i);
  }

  double divergence() { return current_cost().divergence; }

 private:
  struct Cost {
    double divergence, total;
  };

  void load() {
    const std::size_t rank = shape_.rank, r = shape_.rank_stride;
    activations_size_ = round_up(frames_ * r, kernels_.lanes);
    const bool in_place = options_.update_h && activations_size_ == frames_ * rank;
    if (!in_place) padded_h_ = AlignedBuffer<T>(activations_size_);
    activations_ = in_place ? h_ : padded_h_.data();
    for (std::size_t t = 0; t < frames_; ++t)
      for (std::size_t k = 0; k < r; ++k) activations_[t * r + k] = k < rank ? std::min(h_[t * rank + k], rule_.factor_limit) : T(0);
    std::fill(activations_ + frames_ * r, activations_ + activations_size_, T(0));
    if (smooth()) past_ = AlignedBuffer<T>(activations_size_);
    if (options_.normalize_w) {
      weight_h_ = AlignedBuffer<T>(r);
      weight_w_ = AlignedBuffer<T>(r);
      rule_.h.each = weight_h_.data();
      rule_.w.each = weight_w_.data();
    }
    dictionary_.load(w_, scale_, rule_.factor_limit);
    weigh_activations();
    if (options_.accelerate && options_.update_h) moving_h_.resize(activations_size_);
    if (options_.accelerate && options_.update_w) moving_w_.resize(dictionary_.size());
    if (!options_.update_w) return;
    // Blocks of frames with sums of their own, added in their order: their number depends on the shape alone, never on the
    // threads, and their memory stays below a tenth of V unless it has few frames.
    const std::size_t arrays = rule_.kind == NmfKind::general ? 2 : 1;
    blocks_ = std::min(tiles_, std::clamp<std::size_t>(frames_ / (16 * rank * arrays) / 4 * 4, 4, 32));
    if (frames_ * shape_.freq * rank < small_product) blocks_ = 1;  // not worth the second thread
    block_size_ = shape_.freq_stride * rank * arrays + (rule_.kind == NmfKind::general ? 0 : rank * r + r);
    block_size_ = round_up(block_size_, 64);
    partial_ = AlignedBuffer<T>(blocks_ * block_size_);
  }

  void store() const {
    const std::size_t rank = shape_.rank, r = shape_.rank_stride;
    if (options_.update_h && activations_ != h_)
      for (std::size_t t = 0; t < frames_; ++t) std::copy_n(activations_ + t * r, rank, h_ + t * rank);
    if (options_.update_w) dictionary_.store(w_, scale_, rule_.fixed);
  }

  // With normalised columns l1_h weighs sum(W[:, k]) sum(H[k]): for each factor a weight of its sum.
  T product_weight() const { return static_cast<T>(std::min(options_.l1_h * std::pow(scale_, options_.beta - 1), static_cast<double>(rule_.most))); }
  void weigh_activations() {
    for (std::size_t k = 0; k < weight_h_.size(); ++k) weight_h_[k] = product_weight() * dictionary_.sums()[k];
  }
  void weigh_dictionary() {
    const std::size_t r = weight_w_.size();
    for (std::size_t k = 0; k < r; ++k) {
      double sum = 0;
      for (std::size_t t = 0; t < frames_; ++t) sum += static_cast<double>(activations_[t * r + k]);
      weight_w_[k] = product_weight() * static_cast<T>(sum);
    }
  }

  NmfTile<T> tile(std::size_t i) {
    const std::size_t begin = i * kernels_.tile_frames;
    NmfTile<T> tile{};
    tile.frames = std::min(kernels_.tile_frames, frames_ - begin);
    tile.v = data_.v + begin * shape_.freq;
    tile.h = activations_ + begin * shape_.rank_stride;
    if (data_.weights != nullptr) tile.weights = data_.weights + begin * data_.weights_frame;
    tile.weights_frame = data_.weights_frame;
    tile.past = past_.data() + (smooth() ? begin * shape_.rank_stride : 0);
    tile.first = begin == 0;
    tile.last = begin + tile.frames == frames_;
    return tile;
  }
  T* scratch() const { return thread_scratch<T>(kernels_.scratch(shape_)); }
  NmfSums<T> sums(std::size_t block) {
    T* base = partial_.data() + block * block_size_;
    return {base, base + shape_.freq_stride * shape_.rank};
  }

  // One frame has no neighbours to be like.
  bool smooth() const { return options_.smooth_h > 0 && frames_ > 1; }
  // Whether tiles know their costs while they iterate; smooth ones change with their neighbours.
  bool costs_within_tiles() const { return !options_.update_w && !smooth() && !options_.accelerate; }

  static double distance(double divergence) { return std::sqrt(2 * std::max(divergence, 0.0)); }

  // Iterations between two looks at the tolerance, the cost or the caller.
  std::size_t round_length(bool progress) const {
    if (options_.update_w || smooth() || options_.accelerate) return 1;
    if (options_.tol > 0) return tolerance_period;
    return progress ? std::max<std::size_t>(1, options_.iterations / 20) : options_.iterations;
  }

  // With W fixed the frames are independent: a tile makes all its iterations while its part of V is in cache.
  // `read` (optional) receives divergence and penalty of every tile before the last update.
  void iterate_activations(std::size_t first, std::size_t count, double* read = nullptr) {
    const bool want_costs = costs_ != nullptr && costs_within_tiles();
    std::vector<double> costs(want_costs ? 2 * tiles_ * count : 0);
    remember();
    if (options_.update_h) {
      parallel_for(tiles_, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i)
          kernels_.update_activations(shape_, rule_, dictionary_.view(), tile(i), count, costs.empty() ? nullptr : &costs[2 * i * count],
                                      read ? read + 2 * i : nullptr, scratch());
      });
    }
    if (!want_costs) return;
    const double w = dictionary_.penalty(rule_.w);
    for (std::size_t k = 0; k < count; ++k) {
      double total = w;
      for (std::size_t i = 0; i < tiles_; ++i) total += costs[2 * (i * count + k)] + costs[2 * (i * count + k) + 1];
      costs_[first + k] = total / std::pow(scale_, options_.beta);
    }
  }

  void remember() {
    if (smooth()) std::copy_n(activations_, activations_size_, past_.data());
  }

  void iterate(double* read = nullptr) {
    remember();
    parallel_for(blocks_, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t b = begin; b < end; ++b) {
        const std::size_t first = b * tiles_ / blocks_, last = (b + 1) * tiles_ / blocks_;
        for (std::size_t i = first; i < last; ++i) {
          if (options_.update_h)
            kernels_.update_activations(shape_, rule_, dictionary_.view(), tile(i), 1, nullptr, read ? read + 2 * i : nullptr, scratch());
          kernels_.accumulate(shape_, rule_, dictionary_.view(), tile(i), i == first, sums(b), scratch());
        }
      }
    });
    const NmfSums<T> total = sums(0);
    if (rule_.kind != NmfKind::general) {
      const std::size_t size = rule_.kind == NmfKind::euclidean ? shape_.rank * shape_.rank_stride : shape_.rank_stride;
      for (std::size_t b = 1; b < blocks_; ++b)
        for (std::size_t i = 0; i < size; ++i) total.denominator[i] += sums(b).denominator[i];
    }
    if (options_.normalize_w) weigh_dictionary();
    parallel_for(dictionary_.panels(), 4, [&](std::size_t begin, std::size_t end) {
      for (std::size_t p = begin; p < end; ++p) {
        const std::size_t f = p * kernels_.panel, offset = f * shape_.rank, size = dictionary_.panel_width(f) * shape_.rank;
        for (std::size_t b = 1; b < blocks_; ++b) {
          kernels_.add(total.numerator + offset, sums(b).numerator + offset, total.numerator + offset, size);
          if (rule_.kind == NmfKind::general)
            kernels_.add(total.denominator + offset, sums(b).denominator + offset, total.denominator + offset, size);
        }
        kernels_.update_dictionary(shape_, rule_, f, total, dictionary_.panel_data(), dictionary_.row_data(), scratch());
      }
    });
    dictionary_.summarize();
    weigh_activations();
  }

  // An accelerated iteration: see nmf_momentum.hpp.
  void leap(std::size_t i) {
    T *h = activations_, *w = dictionary_.panel_data();
    const double momentum = momentum_.momentum(), stride = momentum_.stride();
    if (i == 0) moving_h_.keep_left(h), moving_w_.keep_left(w);
    if (momentum_.moves()) {
      moving_h_.extrapolate(kernels_, rule_, h, momentum, stride);
      moving_w_.extrapolate(kernels_, rule_, w, momentum, stride);
      if (options_.update_w) moved();
    }
    moving_h_.keep_read(h);
    moving_w_.keep_read(w);
    // The update of H meets the cost on its way: for beta 2 without a model, good enough for the guard.
    const bool on_the_way = options_.update_h;
    const bool ask = !on_the_way || (costs_ != nullptr && rule_.kind == NmfKind::euclidean);
    const double exact = ask ? current_cost().total : 0;
    double cost = on_the_way ? dictionary_.penalty(rule_.w) : exact;
    if (on_the_way) {
      std::vector<double> read(2 * tiles_);
      step(i, read.data());
      for (const double part : read) cost += part;
      cost /= std::pow(scale_, options_.beta);
    }
    if (!momentum_.accept(cost)) {
      moving_h_.restore(h);
      moving_w_.restore(w);
      if (options_.update_w) moved();
      return;
    }
    if (costs_ != nullptr) fill_costs(i, ask ? exact : cost);
    if (!on_the_way) step(i, nullptr);
  }

  void step(std::size_t i, double* read) {
    if (options_.update_w) iterate(read);
    else iterate_activations(i, 1, read);
  }

  // The cost of the factors after all iterations before `end` that are not known yet.
  void fill_costs(std::size_t end, double cost) {
    std::fill(costs_ + known_, costs_ + end, cost);
    known_ = end;
  }

  // After a change of the panels of W alone.
  void moved() {
    dictionary_.copy_rows();
    weigh_activations();
  }

  Cost current_cost() {
    std::vector<double> costs(2 * tiles_);
    parallel_for(tiles_, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) kernels_.cost(shape_, rule_, dictionary_.view(), tile(i), &costs[2 * i], scratch());
    });
    Cost cost{0, 0};
    for (std::size_t i = 0; i < tiles_; ++i) {
      cost.divergence += costs[2 * i];
      cost.total += costs[2 * i + 1];
    }
    const double unscaled = 1 / std::pow(scale_, options_.beta);
    cost.total = (cost.divergence + cost.total + dictionary_.penalty(rule_.w)) * unscaled;
    cost.divergence *= unscaled;
    return last_ = cost;
  }

  const NmfKernels<T>& kernels_;
  NmfOptions options_;
  T *w_, *h_;
  double* costs_;
  std::size_t frames_, tiles_, blocks_ = 0, block_size_ = 0;
  NmfData<T> data_;
  Extent extent_;
  double scale_;
  NmfShape<T> shape_;
  NmfRule<T> rule_;
  Dictionary<T> dictionary_;
  std::size_t activations_size_ = 0;
  T* activations_ = nullptr;  // padded_h_, or the caller's h where that needs no padding
  AlignedBuffer<T> padded_h_, past_, partial_;
  AlignedBuffer<T> weight_h_, weight_w_;  // normalised columns: weights of the sums of the factors, component by component
  MovingFactor<T> moving_w_, moving_h_;  // accelerated: of the factors that are learnt
  Momentum momentum_;
  std::size_t known_ = 0;  // accelerated: iterations whose costs are known
  Cost last_{0, 0};
};

}  // namespace

template <class T>
bool nmf(const NmfBatch<T>& problem, const NmfOptions& options, const std::function<bool(double)>& progress) {
  const auto one = [&](std::size_t i, const std::function<bool(double)>& report) {
    const std::ptrdiff_t done = Factorization<T>(problem, i, options).run(report);
    if (done >= 0) problem.done[i] = static_cast<std::size_t>(done);
    return done >= 0;
  };
  const std::size_t threads = static_cast<std::size_t>(num_threads());
  // Many matrices: one thread each, in rounds, between which the caller hears of the progress.
  if (problem.batch >= 4 * threads) {
    const std::size_t round = progress ? 4 * threads : problem.batch;
    for (std::size_t start = 0; start < problem.batch; start += round) {
      const std::size_t count = std::min(round, problem.batch - start);
      parallel_for(count, 1, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) one(start + i, nullptr);
      });
      if (progress && !progress(static_cast<double>(start + count) / static_cast<double>(problem.batch))) return false;
    }
    return true;
  }
  for (std::size_t i = 0; i < problem.batch; ++i) {
    const auto report = [&](double fraction) { return progress((static_cast<double>(i) + fraction) / static_cast<double>(problem.batch)); };
    if (!one(i, progress ? std::function<bool(double)>(report) : nullptr)) return false;
  }
  return true;
}

template <class T>
void nmf_divergence(const NmfBatch<T>& problem, double beta) {
  NmfOptions options;
  options.beta = beta;
  options.update_w = false;
  NmfBatch<T> silent = problem;
  silent.costs = nullptr;
  for (std::size_t i = 0; i < problem.batch; ++i) problem.costs[i] = Factorization<T>(silent, i, options).divergence();
}

template bool nmf<float>(const NmfBatch<float>&, const NmfOptions&, const std::function<bool(double)>&);
template bool nmf<double>(const NmfBatch<double>&, const NmfOptions&, const std::function<bool(double)>&);
template void nmf_divergence<float>(const NmfBatch<float>&, double);
template void nmf_divergence<double>(const NmfBatch<double>&, double);

}  // namespace phasewise
