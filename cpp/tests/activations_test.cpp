// Known spectra in a stream: any cut gives the bits of the whole, nothing is allocated on the way, and what was played is found.
#include <stdexcept>

#include "check.hpp"
#include "count_allocations.hpp"
#include "phasewise/isa.hpp"
#include "phasewise/source_magnitudes.hpp"

using namespace phasewise;

template <class T>
std::vector<T> positive(std::size_t n, unsigned seed) {
  std::vector<T> values = noise<T>(n, seed);
  for (T& v : values) v = v * v + T(0.01);
  return values;
}

template <class T>
void stream(double beta, std::size_t frames, std::size_t largest) {
  constexpr std::size_t bins = 37, rank = 7;
  SourceSpectra<T> spectra;
  spectra.bins = bins;
  spectra.edges = {0, 1, 2, 3, 5, 9, 20, bins};
  spectra.groups = {{-2, -1, 0.5, {0, 10, bins}}, {1, 3, 2, spectra.edges}};
  spectra.ranks = {2, 4, 1};
  const std::vector<T> w = positive<T>((7 + 2 + 7) * rank, 1), shares(rank, T(0.1)), v = positive<T>(frames * bins, 2);
  spectra.w = w.data();
  spectra.shares = shares.data();
  spectra.beta = beta;
  spectra.iterations = 5;
  SourceMagnitudes<T> whole(spectra), cut(spectra);
  CHECK(cut.latency() == 3 && cut.sources() == 3, "%zu %zu", cut.latency(), cut.sources());

  std::vector<std::vector<T>> expected(3), got(3);
  std::vector<T> out(3 * frames * bins);
  const auto keep = [&](std::vector<std::vector<T>>& into, std::size_t count) {
    for (std::size_t j = 0; j < 3; ++j) into[j].insert(into[j].end(), out.begin() + static_cast<std::ptrdiff_t>(j * count * bins), out.begin() + static_cast<std::ptrdiff_t>((j + 1) * count * bins));
  };
  std::size_t given = whole.frames(frames);
  whole.push(v.data(), frames, out.data());
  keep(expected, given);
  given = whole.flush_frames();
  whole.flush(out.data());
  keep(expected, given);
  CHECK(expected[2].size() == frames * bins, "%zu", expected[2].size());

  std::mt19937 generator(3);
  for (int round = 0; round < 2; ++round) {  // the second uses the object again
    for (auto& rows : got) rows.clear();
    for (std::size_t taken = 0; taken < frames;) {
      const std::size_t count = std::min<std::size_t>(generator() % (largest + 1), frames - taken);
      given = cut.frames(count);
      const std::size_t before = allocations;
      cut.push(v.data() + taken * bins, count, out.data());
      CHECK(allocations == before, "beta=%g: %zu allocations", beta, allocations - before);
      keep(got, given);
      taken += count;
    }
    given = cut.flush_frames();
    const std::size_t before = allocations;
    cut.flush(out.data());
    CHECK(allocations == before, "beta=%g: %zu allocations at the end", beta, allocations - before);
    keep(got, given);
    CHECK(got == expected, "beta=%g frames=%zu largest=%zu round=%d", beta, frames, largest, round);
  }
}

template <class T>
void finds_what_was_played(double beta) {
  constexpr std::size_t freq = 65, rank = 3, frames = 40;
  const std::vector<T> w = positive<T>(freq * rank, 4), played = positive<T>(frames * rank, 5);
  std::vector<T> v(frames * freq, T(0)), h(frames * rank, T(0.1)), model(frames * freq), part(frames * freq);
  for (std::size_t t = 1; t < frames; ++t)  // the first frame is silent
    for (std::size_t f = 0; f < freq; ++f)
      for (std::size_t k = 0; k < rank; ++k) v[t * freq + f] += w[f * rank + k] * played[t * rank + k];
  const Activations<T> activations(w.data(), freq, rank, beta, 3000);
  activations.fit(v.data(), frames, h.data());
  CHECK(h[0] == 0 && h[1] == 0 && h[2] == 0, "%g", static_cast<double>(h[0]));
  activations.model(h.data(), frames, 0, 1, model.data());
  activations.model(h.data(), frames, 1, 3, part.data());
  for (std::size_t i = 0; i < model.size(); ++i) model[i] += part[i];
  CHECK(largest_difference(model, v) < 1e-3, "beta=%g: %g", beta, largest_difference(model, v));
}

template <class Call>
void throws(Call&& call) {
  try {
    call();
  } catch (const std::invalid_argument&) {
    return;
  }
  CHECK(false, "no exception");
}

int main() {
  for (const Isa isa : available_isas()) {
    set_isa(isa_name(isa));
    for (const double beta : {0.0, 1.0, 2.0})
      for (const std::size_t frames : {1, 2, 4, 33, 100})
        for (const std::size_t largest : {1, 5, 40, 100}) {
          stream<float>(beta, frames, largest);
          stream<double>(beta, frames, largest);
        }
    for (const double beta : {0.0, 1.0, 2.0}) {
      finds_what_was_played<float>(beta);
      finds_what_was_played<double>(beta);
    }
  }
  const std::vector<float> w(6, 1.0f), h(2);
  std::vector<float> out(3);
  throws([&] { Activations<float>(w.data(), 0, 2, 1, 1); });
  throws([&] { Activations<float>(w.data(), 3, 2, 1, 1).model(h.data(), 1, 0, 3, out.data()); });
  SourceSpectra<float> spectra;
  spectra.w = w.data();
  spectra.shares = w.data();
  spectra.ranks = {2};
  spectra.bins = 3;
  for (const std::vector<std::size_t>& edges : {std::vector<std::size_t>{}, {0, 2}, {0, 2, 2, 3}, {1, 3}}) {
    spectra.edges = edges;
    throws([&] { SourceMagnitudes<float> magnitudes(spectra); });
  }
  spectra.edges = {0, 1, 2, 3};
  spectra.ranks = {};
  throws([&] { SourceMagnitudes<float> magnitudes(spectra); });
  spectra.ranks = {2};
  spectra.groups = {{2, 1, 1, {0, 3}}};
  throws([&] { SourceMagnitudes<float> magnitudes(spectra); });
  return failures;
}
