//! What every repository must do, whatever it is built on.
