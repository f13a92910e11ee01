//! Faults of the disk, and of those who write too much: told clearly, to those whom they concern, without loss.

mod damage;
mod frozen;
mod full;
mod ledger;
mod mount;
mod pressure;
mod read_only;
mod segments;
mod tails;
