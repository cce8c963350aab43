//! BTF and BTF.ext: types, line and function info, C declarations, values printed by type.
