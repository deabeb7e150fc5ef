// SPDX-License-Identifier: Apache-2.0
// What names mean, as a test says: getaddrinfo of the whole test program, libraries included, asks
// here first. Names that were not set are looked up as always.
#ifndef NJ_FAKE_NAMES_H
#define NJ_FAKE_NAMES_H

#include <stddef.h>

// `address`: digits, IPv4 or IPv6; "": there is no such name; NULL: the lookup hangs until
// nj_fake_names_finish. A name that is set again means the new thing from the next lookup on; two
// that are set with nj_fake_names_add are both told.
void nj_fake_names_set(const char *host, const char *address);
void nj_fake_names_add(const char *host, const char *address);
size_t nj_fake_names_asked(const char *host); // how often
// Waits until so many lookups hang; the test fails when they do not.
void nj_fake_names_await_hanging(size_t count);
size_t nj_fake_names_threads(void);               // of this process
void nj_fake_names_await_threads(size_t at_most); // the test fails when they stay
// Lets what hangs fail, waits until it is out of here, and forgets all names.
void nj_fake_names_finish(void);

#endif
