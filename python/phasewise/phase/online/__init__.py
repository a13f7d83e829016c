"""Phase recovery of streams: frames in, samples out, with a declared latency."""
