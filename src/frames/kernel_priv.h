// SPDX-License-Identifier: Apache-2.0
// How a hot loop is built for the machine it meets at run time.
#ifndef NJ_FRAMES_KERNEL_PRIV_H
#define NJ_FRAMES_KERNEL_PRIV_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define NJ_KERNEL_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NJ_KERNEL_SANITIZED 1
#endif

// Resolvers of cloned functions run before a sanitizer's own start, so those builds go without;
// arm64 has its vector unit in the baseline.
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(NJ_KERNEL_SANITIZED)
#define NJ_KERNEL __attribute__((target_clones("avx2", "default")))
#else
#define NJ_KERNEL
#endif

// Before a loop whose stores never touch what it loads: the compiler cannot prove it for this many
// pointers, and would not vectorise.
#if defined(__clang__)
// A build without optimisation cannot do what these ask, and need not.
#pragma clang diagnostic ignored "-Wpass-failed"
#define NJ_KERNEL_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define NJ_KERNEL_LOOP _Pragma("GCC ivdep")
#endif

#endif
