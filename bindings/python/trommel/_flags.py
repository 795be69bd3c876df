"""Flags of a pattern and semantics of a set of rules, as trommel.h has them."""

from ._native import lib

LITERAL: int = lib.TRM_PATTERN_LITERAL
CASELESS: int = lib.TRM_PATTERN_CASELESS
DOTALL: int = lib.TRM_PATTERN_DOTALL
MULTILINE: int = lib.TRM_PATTERN_MULTILINE
UNICODE: int = lib.TRM_PATTERN_UNICODE
SINGLE: int = lib.TRM_PATTERN_SINGLE
START: int = lib.TRM_PATTERN_START

LEFTMOST: int = lib.TRM_SEMANTICS_LEFTMOST
ALL_ENDS: int = lib.TRM_SEMANTICS_ALL_ENDS
