#include "phasewise/nmf.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "nmf_momentum.hpp"
#include "phasewise/aligned.hpp"
#include "phasewise/dispatch.hpp"
#include "phasewise/threads.hpp"

namespace phasewise {
namespace {

constexpr std::size_t tolerance_period = 10;
constexpr std::size_t small_product = std::size_t(1) << 20;
// Model floor relative to max(V) and data floor relative to mean(V), as in the numpy twin.
constexpr double model_floor = 1e-12, data_floor = 1e-10;

std::size_t round_up(std::size_t n, std::size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

double exponent(double beta, bool quadratic) {
  if (beta <= 2 && quadratic) return 1 / (3 - beta);
  return beta < 1 ? 1 / (2 - beta) : beta <= 2 ? 1 : 1 / (beta - 1);
}

// Weights leave no sum or product that all entries share.
NmfKind kind_of(double beta, bool weighted) {
  if (weighted) return NmfKind::general;
  return beta == 2 ? NmfKind::euclidean : beta == 1 ? NmfKind::kullback_leibler : NmfKind::general;
}

// Mean and peak of the entries of positive weight, frame by frame in a fixed order.
template <class T>
void measure(const T* v, std::size_t frames, std::size_t freq, const T* weights, std::size_t weights_frame, double& mean, double& peak) {
  std::vector<double> sums(frames), peaks(frames);
  std::vector<std::size_t> counts(frames);
  parallel_for(frames, 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      double sum = 0;
      T most = 0;
      for (std::size_t f = 0; f < freq; ++f) {
        if (weights != nullptr && !(weights[t * weights_frame + f] > 0)) continue;
        sum += static_cast<double>(v[t * freq + f]);
        most = std::max(most, v[t * freq + f]);
        ++counts[t];
      }
      sums[t] = sum;
      peaks[t] = static_cast<double>(most);
    }
  });
  mean = peak = 0;
  std::size_t count = 0;
  for (std::size_t t = 0; t < frames; ++t) {
    mean += sums[t];
    peak = std::max(peak, peaks[t]);
    count += counts[t];
  }
  mean /= static_cast<double>(std::max<std::size_t>(count, 1));
}

// The iterations of one matrix. Internally V and W are divided by the power of two below max(V), so that floors and ranges
// are the same for every scale.
template <class T>
class Factorization {
 public:
  Factorization(const NmfBatch<T>& problem, std::size_t index, const NmfOptions& options)
      : kernels_(nmf_kernels<T>(active_isa())), gemm_(gemm_kernels<T>(active_isa())), options_(options),
        v_(problem.v + index * problem.frames * problem.freq), w_(problem.w + index * problem.freq * problem.rank),
        h_(problem.h + index * problem.frames * problem.rank),
        weights_(problem.weights ? problem.weights + index * problem.weights_matrix : nullptr), weights_frame_(problem.weights_frame),
        costs_(problem.costs ? problem.costs + index * options.iterations : nullptr), frames_(problem.frames) {
    rule_.fixed = problem.fixed;
    shape_.freq = problem.freq;
    shape_.rank = problem.rank;
    // Few components: shorter vectors, so that less of them is padding.
    shape_.rank_lanes = kernels_.lanes;
    while (shape_.rank_lanes * sizeof(T) > 16 && problem.rank <= shape_.rank_lanes / 2) shape_.rank_lanes /= 2;
    shape_.freq_stride = round_up(problem.freq, kernels_.lanes);
    shape_.rank_stride = round_up(problem.rank, shape_.rank_lanes);
    set_rule();
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

  void set_rule() {
    const double most = sizeof(T) == 4 ? 1e30 : 1e200, beta = options_.beta;
    double mean, peak;
    measure(v_, frames_, shape_.freq, weights_, weights_frame_, mean, peak);
    if (!(peak > 0)) mean = peak = 1;
    const int power = std::clamp(std::ilogb(peak), sizeof(T) == 4 ? -120 : -1000, sizeof(T) == 4 ? 120 : 1000);
    scale_ = std::ldexp(1.0, -power);
    rule_.kind = kind_of(beta, weights_ != nullptr);
    rule_.beta = beta;
    rule_.scale = static_cast<T>(scale_);
    rule_.data_floor = static_cast<T>(beta <= 0 ? data_floor * mean * scale_ : 0);
    // The powers beta - 1 and beta - 2 of the model stay within [1 / most, most].
    const double power_range = std::pow(most, 1 / std::max({std::abs(beta - 1), std::abs(beta - 2), 1.0}));
    rule_.model_floor = static_cast<T>(std::max(model_floor * peak * scale_, 1 / power_range));
    rule_.model_limit = beta == 1 ? std::numeric_limits<T>::max() : static_cast<T>(power_range);
    rule_.most = static_cast<T>(most);
    rule_.factor_limit = static_cast<T>(std::sqrt(most));
    const auto scaled = [&](double weight, double exponent) { return static_cast<T>(std::min(weight * std::pow(scale_, exponent), most)); };
    const auto penalty = [&](double l1, double l2, bool quadratic) {
      return NmfPenalty<T>{static_cast<T>(l1), static_cast<T>(l2), exponent(beta, quadratic), quadratic && beta == 1};
    };
    const bool guard = options_.guard_l2;
    rule_.smooth_h = smooth() ? scaled(options_.smooth_h, beta) : T(0);
    rule_.h = penalty(scaled(options_.l1_h, beta), scaled(options_.l2_h, beta), (guard && options_.l2_h > 0) || smooth());
    rule_.w = penalty(scaled(options_.l1_w, beta - 1), scaled(options_.l2_w, beta - 2), guard && options_.l2_w > 0);
  }

  void load() {
    const std::size_t rank = shape_.rank, r = shape_.rank_stride;
    activations_ = AlignedBuffer<T>(round_up(frames_ * r, kernels_.lanes));
    for (std::size_t t = 0; t < frames_; ++t)
      for (std::size_t k = 0; k < r; ++k) activations_[t * r + k] = k < rank ? std::min(h_[t * rank + k], rule_.factor_limit) : T(0);
    if (smooth()) past_ = AlignedBuffer<T>(activations_.size());
    std::fill(activations_.data() + frames_ * r, activations_.data() + activations_.size(), T(0));
    rows_ = AlignedBuffer<T>(shape_.freq_stride * r);
    panels_ = AlignedBuffer<T>(shape_.freq_stride * rank);
    for (std::size_t f = 0; f < shape_.freq_stride; ++f) {
      const std::size_t begin = f / kernels_.panel * kernels_.panel, width = std::min(kernels_.panel, shape_.freq_stride - begin);
      for (std::size_t k = 0; k < r; ++k) {
        const bool inside = k < rank && f < shape_.freq;
        const T value = inside ? std::min(static_cast<T>(static_cast<double>(w_[f * rank + k]) * scale_), rule_.factor_limit) : T(0);
        rows_[f * r + k] = value;
        if (k < rank) panels_[begin * rank + k * width + (f - begin)] = value;
      }
    }
    sums_ = AlignedBuffer<T>(r);
    gram_ = AlignedBuffer<T>(rank * r);
    summarize();
    tiles_ = (frames_ + kernels_.tile_frames - 1) / kernels_.tile_frames;
    if (options_.accelerate && options_.update_h) moving_h_.resize(activations_.size());
    if (options_.accelerate && options_.update_w) moving_w_.resize(panels_.size());
    if (!options_.update_w) return;
    // Blocks of frames with sums of their own, added in their order: their number depends on the shape alone, never on the
    // threads, and their memory stays near a tenth of V.
    const std::size_t arrays = rule_.kind == NmfKind::general ? 2 : 1;
    blocks_ = std::min(tiles_, std::clamp<std::size_t>(frames_ / (10 * rank * arrays), 4, 32));
    if (frames_ * shape_.freq * rank < small_product) blocks_ = 1;  // not worth the second thread
    block_size_ = shape_.freq_stride * rank * arrays + (rule_.kind == NmfKind::general ? 0 : rank * r + r);
    block_size_ = round_up(block_size_, 64);
    partial_ = AlignedBuffer<T>(blocks_ * block_size_);
  }

  // What the updates of H need to know of W besides W.
  void summarize() {
    const std::size_t r = shape_.rank_stride;
    if (rule_.kind == NmfKind::euclidean) gemm_.gram(rows_.data(), shape_.freq, shape_.rank, r, gram_.data());
    if (rule_.kind != NmfKind::kullback_leibler) return;
    std::fill(sums_.data(), sums_.data() + r, T(0));
    for (std::size_t f = 0; f < shape_.freq; ++f)
      for (std::size_t k = 0; k < r; ++k) sums_[k] += rows_[f * r + k];
  }

  void store() const {
    const std::size_t rank = shape_.rank, r = shape_.rank_stride;
    if (options_.update_h)
      for (std::size_t t = 0; t < frames_; ++t) std::copy_n(activations_.data() + t * r, rank, h_ + t * rank);
    if (options_.update_w)
      for (std::size_t f = 0; f < shape_.freq; ++f)
        for (std::size_t k = 0; k < rank; ++k)
          if (rule_.fixed == nullptr || !rule_.fixed[k]) w_[f * rank + k] = static_cast<T>(static_cast<double>(rows_[f * r + k]) / scale_);
  }

  NmfDictionary<T> dictionary() const { return {panels_.data(), rows_.data(), sums_.data(), gram_.data()}; }
  NmfTile<T> tile(std::size_t i) {
    const std::size_t begin = i * kernels_.tile_frames;
    NmfTile<T> tile{};
    tile.frames = std::min(kernels_.tile_frames, frames_ - begin);
    tile.v = v_ + begin * shape_.freq;
    tile.h = activations_.data() + begin * shape_.rank_stride;
    if (weights_ != nullptr) tile.weights = weights_ + begin * weights_frame_;
    tile.weights_frame = weights_frame_;
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
          kernels_.update_activations(shape_, rule_, dictionary(), tile(i), count, costs.empty() ? nullptr : &costs[2 * i * count],
                                      read ? read + 2 * i : nullptr, scratch());
      });
    }
    if (!want_costs) return;
    const double w = dictionary_penalty();
    for (std::size_t k = 0; k < count; ++k) {
      double total = w;
      for (std::size_t i = 0; i < tiles_; ++i) total += costs[2 * (i * count + k)] + costs[2 * (i * count + k) + 1];
      costs_[first + k] = total / std::pow(scale_, options_.beta);
    }
  }

  void remember() {
    if (smooth()) std::copy_n(activations_.data(), activations_.size(), past_.data());
  }

  void iterate(double* read = nullptr) {
    remember();
    parallel_for(blocks_, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t b = begin; b < end; ++b) {
        const std::size_t first = b * tiles_ / blocks_, last = (b + 1) * tiles_ / blocks_;
        for (std::size_t i = first; i < last; ++i) {
          if (options_.update_h)
            kernels_.update_activations(shape_, rule_, dictionary(), tile(i), 1, nullptr, read ? read + 2 * i : nullptr, scratch());
          kernels_.accumulate(shape_, rule_, dictionary(), tile(i), i == first, sums(b), scratch());
        }
      }
    });
    const NmfSums<T> total = sums(0);
    if (rule_.kind != NmfKind::general) {
      const std::size_t size = rule_.kind == NmfKind::euclidean ? shape_.rank * shape_.rank_stride : shape_.rank_stride;
      for (std::size_t b = 1; b < blocks_; ++b)
        for (std::size_t i = 0; i < size; ++i) total.denominator[i] += sums(b).denominator[i];
    }
    const std::size_t panels = (shape_.freq_stride + kernels_.panel - 1) / kernels_.panel;
    parallel_for(panels, 4, [&](std::size_t begin, std::size_t end) {
      for (std::size_t p = begin; p < end; ++p) {
        const std::size_t f = p * kernels_.panel, offset = f * shape_.rank;
        const std::size_t size = std::min(kernels_.panel, shape_.freq_stride - f) * shape_.rank;
        for (std::size_t b = 1; b < blocks_; ++b) {
          kernels_.add(total.numerator + offset, sums(b).numerator + offset, total.numerator + offset, size);
          if (rule_.kind == NmfKind::general)
            kernels_.add(total.denominator + offset, sums(b).denominator + offset, total.denominator + offset, size);
        }
        kernels_.update_dictionary(shape_, rule_, f, total, panels_.data(), rows_.data(), scratch());
      }
    });
    summarize();
  }

  // An accelerated iteration: see nmf_momentum.hpp.
  void leap(std::size_t i) {
    T *h = activations_.data(), *w = panels_.data();
    const double momentum = momentum_.momentum(), stride = momentum_.stride();
    if (i == 0) moving_h_.keep_left(h), moving_w_.keep_left(w);
    if (momentum_.moves()) {
      moving_h_.extrapolate(kernels_, rule_, h, momentum, stride);
      moving_w_.extrapolate(kernels_, rule_, w, momentum, stride);
      if (options_.update_w) copy_rows();
    }
    moving_h_.keep_read(h);
    moving_w_.keep_read(w);
    // The update of H meets the cost on its way: for beta 2 without a model, good enough for the guard.
    const bool on_the_way = options_.update_h;
    const bool ask = !on_the_way || (costs_ != nullptr && rule_.kind == NmfKind::euclidean);
    const double exact = ask ? current_cost().total : 0;
    double cost = on_the_way ? dictionary_penalty() : exact;
    if (on_the_way) {
      std::vector<double> read(2 * tiles_);
      step(i, read.data());
      for (const double part : read) cost += part;
      cost /= std::pow(scale_, options_.beta);
    }
    if (!momentum_.accept(cost)) {
      moving_h_.restore(h);
      moving_w_.restore(w);
      if (options_.update_w) copy_rows();
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

  // The other layout of W, and what follows from it, after a change of the panels.
  void copy_rows() {
    for (std::size_t begin = 0; begin < shape_.freq_stride; begin += kernels_.panel) {
      const std::size_t width = std::min(kernels_.panel, shape_.freq_stride - begin);
      const T* panel = panels_.data() + begin * shape_.rank;
      for (std::size_t f = 0; f < width; ++f)
        for (std::size_t k = 0; k < shape_.rank; ++k) rows_[(begin + f) * shape_.rank_stride + k] = panel[k * width + f];
    }
    summarize();
  }

  double dictionary_penalty() const {
    double sum = 0, squares = 0;
    for (std::size_t f = 0; f < shape_.freq; ++f)
      for (std::size_t k = 0; k < shape_.rank; ++k) {
        const double w = static_cast<double>(rows_[f * shape_.rank_stride + k]);
        sum += w;
        squares += w * w;
      }
    return static_cast<double>(rule_.w.l1) * sum + 0.5 * static_cast<double>(rule_.w.l2) * squares;
  }

  Cost current_cost() {
    std::vector<double> costs(2 * tiles_);
    parallel_for(tiles_, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) kernels_.cost(shape_, rule_, dictionary(), tile(i), &costs[2 * i], scratch());
    });
    Cost cost{0, 0};
    for (std::size_t i = 0; i < tiles_; ++i) {
      cost.divergence += costs[2 * i];
      cost.total += costs[2 * i + 1];
    }
    const double unscaled = 1 / std::pow(scale_, options_.beta);
    cost.total = (cost.divergence + cost.total + dictionary_penalty()) * unscaled;
    cost.divergence *= unscaled;
    return last_ = cost;
  }

  const NmfKernels<T>& kernels_;
  const GemmKernels<T>& gemm_;
  NmfOptions options_;
  const T* v_;
  T *w_, *h_;
  const T* weights_;
  std::size_t weights_frame_;
  double* costs_;
  std::size_t frames_, tiles_ = 0, blocks_ = 0, block_size_ = 0;
  double scale_ = 1;
  NmfShape<T> shape_;
  NmfRule<T> rule_;
  AlignedBuffer<T> activations_, past_, panels_, rows_, sums_, gram_, partial_;
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
