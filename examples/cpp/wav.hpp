// WAV files of 16, 24 or 32-bit integers or 32-bit floats, read and written block by block. For little-endian machines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace wav {

template <class I>
I number(const char* bytes) {
  I value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path), file_(path, std::ios::binary) {
    if (!file_) fail("cannot be opened");
    char riff[12];
    if (!file_.read(riff, 12) || std::memcmp(riff, "RIFF", 4) != 0 || std::memcmp(riff + 8, "WAVE", 4) != 0) fail("is not a WAV file");
    char head[8];
    while (file_.read(head, 8)) {
      const std::uint32_t size = number<std::uint32_t>(head + 4);
      if (std::memcmp(head, "fmt ", 4) == 0) {
        read_format(size);
      } else if (std::memcmp(head, "data", 4) == 0 && channels_ > 0) {
        remaining_ = size / (channels_ * bytes_);
        return;
      } else {
        file_.seekg(size + size % 2, std::ios::cur);
      }
    }
    fail("holds no samples");
  }

  std::size_t channels() const { return channels_; }
  std::uint32_t sample_rate() const { return sample_rate_; }

  // Reads up to `samples` samples of every channel into channel[c][0...] and returns how many there were.
  std::size_t read(std::size_t samples, std::vector<std::vector<float>>& channel) {
    if (samples > remaining_) samples = remaining_;
    raw_.resize(samples * channels_ * bytes_);
    file_.read(raw_.data(), static_cast<std::streamsize>(raw_.size()));
    samples = static_cast<std::size_t>(file_.gcount()) / (channels_ * bytes_);
    remaining_ = file_ ? remaining_ - samples : 0;  // a file that was cut short ends where it ends
    const char* at = raw_.data();
    for (std::size_t i = 0; i < samples; ++i)
      for (std::size_t c = 0; c < channels_; ++c, at += bytes_) channel[c][i] = sample(at);
    return samples;
  }

 private:
  [[noreturn]] void fail(const char* what) const { throw std::runtime_error(path_ + " " + what); }

  void read_format(std::uint32_t size) {
    std::vector<char> format(size + size % 2);
    if (size < 16 || !file_.read(format.data(), static_cast<std::streamsize>(format.size()))) fail("is damaged");
    std::uint16_t code = number<std::uint16_t>(format.data());
    if (code == 0xfffe && size >= 26) code = number<std::uint16_t>(format.data() + 24);  // extensible: the code follows
    channels_ = number<std::uint16_t>(format.data() + 2);
    sample_rate_ = number<std::uint32_t>(format.data() + 4);
    const unsigned bits = number<std::uint16_t>(format.data() + 14);
    bytes_ = bits / 8;
    is_float_ = code == 3;
    const bool known = is_float_ ? bits == 32 : code == 1 && (bits == 16 || bits == 24 || bits == 32);
    if (channels_ == 0 || !known) fail("is not of 16, 24 or 32-bit integers or 32-bit floats");
  }

  float sample(const char* at) const {
    if (is_float_) return number<float>(at);
    std::int32_t value = 0;  // left-aligned, so that every width has the same full scale
    std::memcpy(reinterpret_cast<char*>(&value) + (4 - bytes_), at, bytes_);
    return static_cast<float>(value / 2147483648.0);
  }

  std::string path_;
  std::ifstream file_;
  std::size_t channels_ = 0, bytes_ = 0, remaining_ = 0;
  std::uint32_t sample_rate_ = 0;
  bool is_float_ = false;
  std::vector<char> raw_;
};

// Writes 32-bit floats.
class Writer {
 public:
  Writer(const std::string& path, std::size_t channels, std::uint32_t sample_rate)
      : path_(path), file_(path, std::ios::binary), channels_(channels), sample_rate_(sample_rate) {
    write_header();
  }

  void write(const std::vector<std::vector<float>>& channel, std::size_t samples) {
    raw_.resize(samples * channels_);
    for (std::size_t i = 0; i < samples; ++i)
      for (std::size_t c = 0; c < channels_; ++c) raw_[i * channels_ + c] = channel[c][i];
    file_.write(reinterpret_cast<const char*>(raw_.data()), static_cast<std::streamsize>(raw_.size() * sizeof(float)));
    samples_ += samples;
  }

  // Completes the header, which tells the length.
  void close() {
    file_.seekp(0);
    write_header();
    file_.close();
    if (!file_) throw std::runtime_error(path_ + " cannot be written");
  }

 private:
  template <class I>
  void put(I value) {
    file_.write(reinterpret_cast<const char*>(&value), sizeof value);
  }

  void write_header() {
    const auto channels = static_cast<std::uint16_t>(channels_);
    const auto frame_bytes = static_cast<std::uint16_t>(channels_ * sizeof(float));
    const auto data_bytes = static_cast<std::uint32_t>(samples_ * frame_bytes), frames = static_cast<std::uint32_t>(samples_);
    file_.write("RIFF", 4);
    put<std::uint32_t>(48 + data_bytes);
    file_.write("WAVEfmt ", 8);
    put<std::uint32_t>(16);
    put<std::uint16_t>(3);  // floats
    put(channels);
    put(sample_rate_);
    put<std::uint32_t>(sample_rate_ * frame_bytes);
    put(frame_bytes);
    put<std::uint16_t>(32);
    file_.write("fact", 4);  // formats other than integers say the number of samples
    put<std::uint32_t>(4);
    put(frames);
    file_.write("data", 4);
    put(data_bytes);
  }

  std::string path_;
  std::ofstream file_;
  std::size_t channels_, samples_ = 0;
  std::uint32_t sample_rate_;
  std::vector<float> raw_;
};

}  // namespace wav
