//! Load the .bpf.o that clang made and run it in an ordinary #[test]: maps, events, packets, no root and no kernel BPF.
