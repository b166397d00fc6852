"""Measures Ledgerbell beside a hand-written floor: same servers, same run, interleaved, as ratios."""
