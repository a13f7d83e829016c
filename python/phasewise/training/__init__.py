"""Training of the networks of `phasewise.models`. It needs torch and Lightning."""
