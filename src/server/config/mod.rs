//! Configuration: a folder of TOML and YAML files in, checked values out, or every mistake of every file at once.

mod settings;

pub(crate) use settings::*;
