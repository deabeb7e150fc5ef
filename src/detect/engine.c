// SPDX-License-Identifier: Apache-2.0
// The array of inference engines.
#include "detect/engine_driver.h"

const struct nj_engine_driver *const nj_engine_drivers[NJ_ENGINE_COUNT] = {
    [NJ_ENGINE_ONNX] = &nj_engine_onnx,
    [NJ_ENGINE_HTTP] = &nj_engine_http,
    [NJ_ENGINE_NULL] = &nj_engine_null,
};
