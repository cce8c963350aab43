//! The kernel's UAPI vocabulary as tables: helpers, map, program and attach types, flags, errno, context layouts.
