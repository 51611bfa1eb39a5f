//! Calls from the first ring to the record, leg by leg, in virtual time.

mod call;
mod callback;
mod callback_days;
mod desk;
mod house;
mod lookup;
mod opening;
mod own;
mod races;
mod recogniser;
mod reload;
mod replay;
mod speech;
mod steering;
mod talk;
mod trial;
mod waiting;
mod wrap;
