//! The interpreter: frames, tail calls, callbacks, budget, hooks; one value that can be stopped, cloned and resumed.
