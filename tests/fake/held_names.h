// SPDX-License-Identifier: Apache-2.0
// A resolver that does not answer: names that end in ".held.test" are looked up until they are let
// go, as with a name server that is away. Other names are looked up as ever.
#ifndef NJ_TESTS_HELD_NAMES_H
#define NJ_TESTS_HELD_NAMES_H

#include <stddef.h>

void nj_names_hold(void);                    // from now on
void nj_names_until_asked(size_t count);     // that many look-ups are held; fails after 20 s
void nj_names_release(void);                 // they end without an address, and later ones at once
size_t nj_names_threads(void);               // of this process
void nj_names_until_threads(size_t at_most); // fails after 20 s

#endif
