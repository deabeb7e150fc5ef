// SPDX-License-Identifier: Apache-2.0
// The one build stamp. Version and commit are given by the build.
#include "util/build_info.h"

#define NJ_STRINGIFY_ONCE(x) #x
#define NJ_STRINGIFY(x)      NJ_STRINGIFY_ONCE(x)

#if defined(__clang__)
#define NJ_COMPILER                                                                                \
    "clang " NJ_STRINGIFY(__clang_major__) "." NJ_STRINGIFY(__clang_minor__) "." NJ_STRINGIFY(     \
        __clang_patchlevel__)
#elif defined(__GNUC__)
#define NJ_COMPILER                                                                                \
    "gcc " NJ_STRINGIFY(__GNUC__) "." NJ_STRINGIFY(__GNUC_MINOR__) "." NJ_STRINGIFY(               \
        __GNUC_PATCHLEVEL__)
#else
#define NJ_COMPILER "unknown compiler"
#endif

const char *nj_build_version(void)
{
    return NJ_BUILD_VERSION;
}

const char *nj_build_stamp(void)
{
    return NJ_BUILD_VERSION " (" NJ_BUILD_COMMIT ", " NJ_COMPILER ", " NJ_BUILD_ARCHITECTURE ")";
}
