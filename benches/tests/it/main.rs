//! That the benches run, that opponents do the same work, and that what is missing is noticed.

mod opponent;
mod smoke;
