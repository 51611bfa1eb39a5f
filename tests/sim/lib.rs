//! Simulated worlds: virtual time, seeded chance, laws and oracles.
