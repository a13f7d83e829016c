#include "phasewise/consistent.hpp"

#include <stdexcept>
#include <vector>

#include "phasewise/von_mises.hpp"
#include "synthesis.hpp"

namespace phasewise {
namespace {

// One item of the batch: every item has step lengths and an end of its own.
template <class T>
class ConsistentRun {
 public:
  ConsistentRun(const ConsistentWiener<T>& p, std::size_t item)
      : p_(p),
        plan_(*p.plan),
        planar_(inversion_kernels<T>(plan_.isa())),
        kernels_(filter_kernels<T>(plan_.isa())),
        padded_((plan_.bins() + 15) / 16 * 16),
        row_(2 * padded_),
        synthesis_(plan_, 1, p.sources, p.frames, p.length, padded_),
        magnitudes_(p.magnitudes + item * p.sources * p.frames * plan_.bins()),
        prior_(p.prior != nullptr ? p.prior + 2 * item * p.sources * p.frames * plan_.bins() : nullptr),
        result_(p.estimate + 2 * item * p.sources * p.frames * plan_.bins()),
        cost_(p.cost != nullptr ? p.cost + item * static_cast<std::size_t>(p.n_iter) : nullptr),
        estimate_(spectra()),
        residual_(spectra()),
        direction_(p.majorise ? 0 : spectra()),
        image_(p.majorise ? 0 : spectra()),
        squares_(p.prior != nullptr ? spectra() : 0),
        signal_(p.sources * p.length),
        sums_(p.frames) {
    for (std::size_t j = 0; j < p.sources; ++j) {
      const VonMises phase = von_mises(p.concentrations[j]);
      radial_.push_back(static_cast<T>(phase.radial));
      tangential_.push_back(static_cast<T>(phase.tangential));
    }
  }

  void run(const std::function<void()>& between) {
    load();
    const int done = p_.majorise ? majorise(between) : descend(between);
    if (cost_ != nullptr)
      for (int i = done; i < p_.n_iter; ++i) cost_[i] = last_cost_;
    parallel_for(p_.frames, 16, [&](std::size_t begin, std::size_t end) {
      for (std::size_t t = begin; t < end; ++t)
        for (std::size_t j = 0; j < p_.sources; ++j) planar_.to_interleaved(rows(estimate_, t) + j * stride(), plan_.bins(), padded_, result(j, t));
    });
  }

 private:
  // The sources of a frame lie next to each other: the passes over the bins read what the prefetchers expect.
  std::size_t stride() const { return row_; }
  std::size_t spectra() const { return p_.frames * p_.sources * row_; }
  T* rows(AlignedBuffer<T>& buffer, std::size_t t) { return buffer.size() > 0 ? buffer.data() + t * p_.sources * row_ : nullptr; }
  T* result(std::size_t j, std::size_t t) const { return result_ + 2 * (j * p_.frames + t) * plan_.bins(); }

  ConsistentStep<T> step_at(std::size_t t) {
    ConsistentStep<T> s{};
    s.even = plan_.n_fft() % 2 == 0;
    s.sources = p_.sources;
    s.bins = plan_.bins();
    s.padded = padded_;
    s.magnitudes = magnitudes_ + t * plan_.bins();
    s.row_stride = p_.frames * plan_.bins();
    s.radial = radial_.data();
    s.tangential = tangential_.data();
    s.estimate = rows(estimate_, t);
    s.residual = rows(residual_, t);
    s.direction = rows(direction_, t);
    s.image = rows(image_, t);
    s.squares = rows(squares_, t);
    s.stride = stride();
    s.weight = p_.weight;
    // The preconditioner takes G for what it is on average, a multiple of the identity: hop / n_fft.
    const T overlap = plan_.hop() < plan_.n_fft() ? static_cast<T>(plan_.n_fft() - plan_.hop()) / static_cast<T>(plan_.n_fft()) : T(0);
    s.pull = p_.majorise ? p_.weight : p_.weight * overlap;
    return s;
  }

  // The caller's arrays as planar rows, and the signals of W.
  void load() {
    const std::size_t bins = plan_.bins();
    synthesis_.run(signal_.data(), 0, [&](std::size_t, std::size_t t, T*) {
      for (std::size_t j = 0; j < p_.sources; ++j) {
        T* row = rows(estimate_, t) + j * stride();
        planar_.to_planar(result(j, t), bins, padded_, row);
        if (p_.majorise) std::copy_n(row, row_, rows(residual_, t) + j * stride());
        if (prior_ == nullptr) continue;
        T* square = rows(squares_, t) + j * stride();
        const T* u = prior_ + 2 * (j * p_.frames + t) * bins;
        for (std::size_t k = 0; k < padded_; ++k) {
          const T re = k < bins ? u[2 * k] : T(0), im = k < bins ? u[2 * k + 1] : T(0);
          square[k] = re * re - im * im;
          square[padded_ + k] = 2 * re * im;
        }
      }
      return Rows<T>{rows(estimate_, t), stride()};
    });
  }

  // f(s) for every frame, s.projected the transforms of the signals; synthesises the estimate anew if `next` is given.
  // Returns the sum of what f returns, in the order of the frames, whoever computed them.
  template <class F>
  ConsistentSums project(T* next, F&& f) {
    const std::size_t side = (plan_.n_fft() + 15) / 16 * 16, fft = (plan_.frame().scratch() + 15) / 16 * 16;
    synthesis_.run(next, fft + side + p_.sources * row_, [&](std::size_t, std::size_t t, T* scratch) {
      T *gathered = scratch + fft, *projected = gathered + side;
      for (std::size_t j = 0; j < p_.sources; ++j) {
        const T* x = plan_.frame_samples(signal_.data() + j * p_.length, p_.length, t, gathered);
        T* row = projected + j * row_;
        plan_.frame().kernels().forward_planar(plan_.frame().view(), x, row, row + padded_, scratch);
        std::fill(row + plan_.bins(), row + padded_, T(0));
        std::fill(row + padded_ + plan_.bins(), row + row_, T(0));
      }
      ConsistentStep<T> s = step_at(t);
      s.projected = projected;
      sums_[t] = f(s);
      return Rows<T>{s.estimate, s.stride};
    });
    return total();
  }
  ConsistentSums total() const {
    ConsistentSums sum{0, 0, 0};
    for (const ConsistentSums& frame : sums_) {
      sum.first += frame.first;
      sum.second += frame.second;
      sum.third += frame.third;
    }
    return sum;
  }

  int descend(const std::function<void()>& between) {
    const ConsistentSums start = project(nullptr, kernels_.start);
    double descent = start.first, ratio = 0;
    last_cost_ = start.second;
    int done = 0;
    while (done < p_.n_iter && descent > 0) {
      between();
      synthesis_.run(signal_.data(), 0, [&](std::size_t, std::size_t t, T*) {
        ConsistentStep<T> s = step_at(t);
        s.step = static_cast<T>(ratio);
        if (done > 0) kernels_.redirect(s);
        return Rows<T>{s.direction, s.stride};
      });
      const double curvature = project(nullptr, [&](const ConsistentStep<T>& s) { return ConsistentSums{kernels_.curvature(s), 0, 0}; }).first;
      if (!(curvature > 0)) break;
      const double step = descent / curvature;
      parallel_for(p_.frames, 8, [&](std::size_t begin, std::size_t end) {
        for (std::size_t t = begin; t < end; ++t) {
          ConsistentStep<T> s = step_at(t);
          s.step = static_cast<T>(step);
          sums_[t] = kernels_.advance(s);
        }
      });
      const ConsistentSums after = total();
      last_cost_ -= step * descent;
      ratio = after.first / descent;
      descent = after.first;
      if (cost_ != nullptr) cost_[done] = last_cost_;
      ++done;
      if (after.second < p_.tolerance * after.third) break;
    }
    return done;
  }

  int majorise(const std::function<void()>& between) {
    AlignedBuffer<T> next(signal_.size());
    int done = 0;
    for (bool moving = true; done < p_.n_iter && moving; ++done) {
      between();
      const ConsistentSums sums = project(next.data(), kernels_.majorise);
      std::swap(signal_, next);
      if (cost_ != nullptr && done > 0) cost_[done - 1] = sums.first;
      moving = !(sums.second < p_.tolerance * sums.third);
    }
    if (cost_ == nullptr || done == 0) return done;
    last_cost_ = project(nullptr, [&](ConsistentStep<T> s) {
                   s.evaluate = true;
                   return kernels_.majorise(s);
                 }).first;
    cost_[done - 1] = last_cost_;
    return done;
  }

  const ConsistentWiener<T>& p_;
  const StftPlan<T>& plan_;
  const InversionKernels<T>& planar_;
  const FilterKernels<T>& kernels_;
  std::size_t padded_, row_;
  Synthesis<T> synthesis_;
  const T *magnitudes_, *prior_;
  T* result_;
  double* cost_;
  AlignedBuffer<T> estimate_, residual_, direction_, image_, squares_, signal_;
  std::vector<ConsistentSums> sums_;
  std::vector<T> radial_, tangential_;
  double last_cost_ = 0;
};

}  // namespace

template <class T>
void consistent_wiener(const ConsistentWiener<T>& problem, const std::function<void()>& between) {
  if (problem.plan->frames(problem.length) != problem.frames) throw std::invalid_argument("length does not make the given number of frames");
  for (std::size_t item = 0; item < problem.batch; ++item) ConsistentRun<T>(problem, item).run(between);
}

template void consistent_wiener(const ConsistentWiener<float>&, const std::function<void()>&);
template void consistent_wiener(const ConsistentWiener<double>&, const std::function<void()>&);

}  // namespace phasewise
