// Takes steady noise out of a recording, block by block, as an audio callback would: the first quarter of a second, which
// holds the noise alone, tells its power in every frequency bin; later, each bin is lowered by the noise's share of it.
//
//   denoise IN.wav OUT.wav [BLOCK]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <vector>

#include <phasewise/streaming.hpp>

#include "wav.hpp"

namespace {

constexpr std::size_t n_fft = 2048, hop = 512;
constexpr float least_gain = 0.1f;  // what remains of the noise: 20 dB less of it

std::shared_ptr<const phasewise::StftPlan<float>> make_plan() {
  constexpr double pi = 3.14159265358979323846;
  std::vector<double> window(n_fft);
  for (std::size_t i = 0; i < n_fft; ++i) window[i] = 0.5 - 0.5 * std::cos(2 * pi * static_cast<double>(i) / n_fft);
  return std::make_shared<phasewise::StftPlan<float>>(window.data(), n_fft, hop, phasewise::Padding::zeros);
}

using Channels = std::vector<std::vector<float>>;

// The streams take one pointer for each channel.
std::vector<float*> pointers(Channels& channels) {
  std::vector<float*> p;
  for (std::vector<float>& channel : channels) p.push_back(channel.data());
  return p;
}

class Denoiser {
 public:
  // block: the most samples that one call of process() brings
  Denoiser(std::size_t channels, double sample_rate, std::size_t block)
      : plan_(make_plan()),
        analysis_(plan_, channels),
        synthesis_(plan_, channels),
        learning_(static_cast<std::size_t>(0.25 * sample_rate / hop)),
        noise_(channels, std::vector<double>(plan_->bins())) {
    // Room for the frames of a block, or the last ones, so that process() allocates nothing.
    const std::size_t most = std::max(block / hop + 1, n_fft / hop + 1);
    spectra_.assign(channels, std::vector<float>(2 * plan_->bins() * most));
    output_.assign(channels, std::vector<float>(most * hop + 2 * n_fft));
    spectrum_pointers_ = pointers(spectra_);
    output_pointers_ = pointers(output_);
  }

  std::size_t latency() const { return analysis_.latency(); }
  std::size_t frames() const { return frames_; }
  const Channels& output() const { return output_; }

  // Takes `samples` samples of each channel and returns how many are ready in output().
  std::size_t process(const std::vector<float*>& block, std::size_t samples) {
    const std::size_t frames = analysis_.frames(samples);
    analysis_.push(block.data(), samples, spectrum_pointers_.data());
    return synthesize(frames);
  }

  // Ends the recording, which had `length` samples, and returns how many are ready in output(): all that are left.
  std::size_t finish(std::size_t length) {
    const std::size_t frames = analysis_.flush_frames();
    analysis_.flush(spectrum_pointers_.data());
    const std::size_t first = synthesize(frames), last = length - synthesis_.returned();
    std::vector<float*> behind = output_pointers_;
    for (float*& p : behind) p += first;
    synthesis_.flush(length, behind.data());
    return first + last;
  }

 private:
  std::size_t synthesize(std::size_t frames) {
    for (std::size_t c = 0; c < spectra_.size(); ++c)
      for (std::size_t t = 0; t < frames; ++t) lower_noise(frames_ + t, noise_[c], spectra_[c].data() + 2 * plan_->bins() * t);
    frames_ += frames;
    const std::size_t samples = synthesis_.samples(frames);
    synthesis_.push(spectrum_pointers_.data(), frames, output_pointers_.data());
    return samples;
  }

  void lower_noise(std::size_t t, std::vector<double>& noise, float* spectrum) const {
    for (std::size_t k = 0; k < noise.size(); ++k) {
      float &re = spectrum[2 * k], &im = spectrum[2 * k + 1];
      const double power = double{re} * re + double{im} * im;
      double gain = least_gain;
      if (t < learning_) noise[k] += power / static_cast<double>(learning_);
      else if (power > 2 * noise[k]) gain = std::max<double>(least_gain, std::sqrt(1 - 2 * noise[k] / power));
      re *= static_cast<float>(gain);
      im *= static_cast<float>(gain);
    }
  }

  std::shared_ptr<const phasewise::StftPlan<float>> plan_;
  phasewise::StreamingStft<float> analysis_;
  phasewise::StreamingIstft<float> synthesis_;
  std::size_t learning_, frames_ = 0;
  std::vector<std::vector<double>> noise_;
  Channels spectra_, output_;
  std::vector<float*> spectrum_pointers_, output_pointers_;
};

double energy(const Channels& channels, std::size_t samples) {
  double sum = 0;
  for (const auto& channel : channels)
    for (std::size_t i = 0; i < samples; ++i) sum += double{channel[i]} * channel[i];
  return sum;
}

void run(const char* in, const char* out, std::size_t block_size) {
  wav::Reader reader(in);
  wav::Writer writer(out, reader.channels(), reader.sample_rate());
  Denoiser denoiser(reader.channels(), reader.sample_rate(), block_size);

  Channels block(reader.channels(), std::vector<float>(block_size));
  const std::vector<float*> block_pointers = pointers(block);
  std::size_t length = 0;
  double before = 0, after = 0;
  const auto write = [&](std::size_t samples) {
    after += energy(denoiser.output(), samples);
    writer.write(denoiser.output(), samples);
  };
  while (const std::size_t samples = reader.read(block_size, block)) {
    before += energy(block, samples);
    length += samples;
    write(denoiser.process(block_pointers, samples));
  }
  write(denoiser.finish(length));
  writer.close();
  std::printf("%s: %zu channels of %zu samples at %u Hz, %zu frames of %zu samples, latency %zu samples\n", out, reader.channels(), length,
              static_cast<unsigned>(reader.sample_rate()), denoiser.frames(), n_fft, denoiser.latency());
  std::printf("energy lowered by %.1f dB\n", after > 0 ? 10 * std::log10(before / after) : 0.0);
}

}  // namespace

int main(int argc, char** argv) {
  const long block = argc > 3 ? std::strtol(argv[3], nullptr, 10) : 4096;
  if (argc < 3 || argc > 4 || block < 1) {
    std::fprintf(stderr, "usage: denoise IN.wav OUT.wav [BLOCK]\n");
    return 2;
  }
  try {
    run(argv[1], argv[2], static_cast<std::size_t>(block));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "denoise: %s\n", error.what());
    return 1;
  }
  return 0;
}
