// SPDX-License-Identifier: Apache-2.0
// Names of options: dotted, in the environment, and the nearest one to a mistyped name.
#ifndef NJ_CONFIG_CONFIG_NAME_PRIV_H
#define NJ_CONFIG_CONFIG_NAME_PRIV_H

#include "config/config_value_priv.h"

// "batch.window_seconds"; cut to `size`.
void nj_option_dotted_name(const struct nj_option_group *group, const struct nj_option *option,
                           char *out, size_t size);
// "BATCH_WINDOW_SECONDS" of the table, or NIGHTJAR_<GROUP>_<NAME>.
void nj_option_env_name(const struct nj_option_group *group, const struct nj_option *option,
                        char *out, size_t size);

const struct nj_option_group *nj_group_find(const struct nj_option_group *const *groups,
                                            const char *name);
const struct nj_option *nj_option_find(const struct nj_option_group *group, const char *name);

// Each writes "; did you mean X?" or "" when nothing is near.
void nj_suggest_group(const struct nj_option_group *const *groups, const char *name, char *out,
                      size_t size);
void nj_suggest_option(const struct nj_binder *binder, const struct nj_option_group *group,
                       const char *name, char *out, size_t size);
void nj_suggest_env(const struct nj_option_group *const *groups, const char *name, char *out,
                    size_t size);

#endif
