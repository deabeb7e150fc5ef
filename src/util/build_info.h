// SPDX-License-Identifier: Apache-2.0
// The one build stamp: version, commit and compiler, for --version, logs and the API.
#ifndef NJ_UTIL_BUILD_INFO_H
#define NJ_UTIL_BUILD_INFO_H

const char *nj_build_version(void); // "0.1.0"
const char *nj_build_stamp(void);   // "0.1.0 (1a2b3c4d, gcc 12.2.0, x86_64)"

#endif
