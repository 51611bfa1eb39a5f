//! The rules of the ACD, one by one, and random operations against its promises.
