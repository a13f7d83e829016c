"""The work of ``phasewise live``."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import phasewise
from phasewise._validate import choice
from phasewise.cli import EXIT_CANCELLED, EXIT_FAILED
from phasewise.cli._options import write_json
from phasewise.cli._pcm import FileOutput, PcmReader, PipeOutput, Stop
from phasewise.errors import ParameterError
from phasewise.streaming_separation import StreamingSeparator

__all__ = ["separate_stream"]


def separate_stream(args: argparse.Namespace) -> int:
    """Separate the stream and return the exit code."""
    if args.json == "-" and args.out is None:
        raise ParameterError(
            "--json - and the samples of the stems both want standard output; name a file, or write the "
            "stems to files with -o."
        )
    separator = StreamingSeparator(
        args.model,
        phase=args.phase,
        channels=args.channels,
        lookahead=args.lookahead,
        n_iter=args.n_iter,
        kappa=args.kappa,
    )
    if args.rate != separator.sample_rate:
        raise ParameterError(
            f"--rate must be the model's {separator.sample_rate} Hz, got {args.rate}; let ffmpeg or sox "
            f"convert the stream, e.g. with ffmpeg's -ar {separator.sample_rate}."
        )
    names = list(separator.stems)
    chosen = (
        list(range(len(names))) if args.stem is None else [names.index(choice("--stem", args.stem, names))]
    )
    # One thread keeps up, and nothing waits for another one to wake.
    threads = phasewise.get_num_threads()
    phasewise.set_num_threads(1)
    with Stop() as stop:
        reader = PcmReader(args.input, args.format, args.channels, args.rate, args.block, args.realtime, stop)
        try:
            return _Session(args, separator, names, chosen, stop).run(reader)
        finally:
            reader.close()
            phasewise.set_num_threads(threads)


class _Session:
    """One stream from its first block to its summary."""

    def __init__(
        self,
        args: argparse.Namespace,
        separator: StreamingSeparator,
        names: list[str],
        chosen: list[int],
        stop: Stop,
    ) -> None:
        self._args, self._separator, self._stop = args, separator, stop
        self._names = [names[i] for i in chosen]
        self._samples = 0
        self._spent: list[float] = []
        self._delays: list[float] = []
        late = separator.latency
        self._output: PipeOutput | FileOutput
        if args.out is None:
            self._output = PipeOutput(args.format, chosen, late if args.trim else 0)
        else:
            self._output = FileOutput(
                Path(args.out), names, chosen, args.format, args.rate, args.channels, late
            )

    def run(self, reader: PcmReader) -> int:
        """Separate all blocks; return the exit code."""
        args, separator = self._args, self._separator
        where = "standard output" if args.out is None else args.out
        self._say(
            f"{reader.name}: {', '.join(self._names)} to {where}, {args.format}, {args.channels} channels"
        )
        milliseconds = 1000 * separator.latency / args.rate
        self._say(f"latency: {separator.latency} samples, {milliseconds:.1f} ms")
        good, code = False, 0
        try:
            while (block := reader.read()) is not None:
                began = time.monotonic()
                self._output.write(*separator.advance(block))
                ended = time.monotonic()
                self._samples += block.shape[-1]
                self._spent.append(ended - began)
                self._delays.append(ended - reader.due)
            if self._samples:
                self._output.write(*separator.finish())
            good = self._samples > 0
        except BrokenPipeError:
            print("phasewise live: the reader of standard output is gone.", file=sys.stderr)
            code = EXIT_FAILED
        finally:
            self._output.close(good=good)
        if reader.left_over:
            self._say(f"{reader.left_over} bytes at the end make no whole sample; they were left out.")
        self._summary()
        if not self._samples and code == 0:
            print(f"phasewise live: {reader.name} holds no samples.", file=sys.stderr)
            code = EXIT_FAILED
        return EXIT_CANCELLED if self._stop.requested and code == 0 else code

    def _summary(self) -> None:
        args, separator = self._args, self._separator
        seconds = self._samples / args.rate
        block = args.block / args.rate
        # Blocks that were ready only after the next one had come.
        late = sum(delay > block for delay in self._delays) if args.realtime else None
        table: dict[str, Any] = {
            "model": separator.name,
            "phase": separator.phase,
            "stems": self._names,
            "sample_rate": args.rate,
            "channels": args.channels,
            "block": args.block,
            "block_ms": 1000 * block,
            "latency_samples": separator.latency,
            "latency_ms": 1000 * separator.latency / args.rate,
            "seconds": seconds,
            "real_time_factor": sum(self._spent) / seconds if seconds else None,
            "median_block_ms": 1000 * statistics.median(self._spent) if self._spent else None,
            "worst_block_ms": 1000 * max(self._spent) if self._spent else None,
            "late_blocks": late,
            "clipped_samples": self._output.clipped,
        }
        if seconds:
            text = (
                f"{seconds:.2f} s of audio in {sum(self._spent):.2f} s: {table['real_time_factor']:.3f} of "
                f"real time; blocks of {table['block_ms']:.1f} ms took {table['median_block_ms']:.2f} ms "
                f"(median), {table['worst_block_ms']:.2f} ms (worst)"
            )
            if late is not None:
                text += f"; {late or 'none'} of {len(self._spent)} late"
            self._say(text)
            if self._output.clipped:
                self._say(f"{self._output.clipped} samples were beyond full scale and were limited.")
        if args.json:
            write_json(args.json, table)

    def _say(self, text: str) -> None:
        if not self._args.quiet:
            print(text, file=sys.stderr, flush=True)
