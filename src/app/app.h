// SPDX-License-Identifier: Apache-2.0
// The composition root: creates every part, wires them, starts and stops them in order.
#ifndef NJ_APP_APP_H
#define NJ_APP_APP_H

#include "config/config.h"
#include "loop/loop.h"
#include "util/error.h"
#include "util/log.h"

struct nj_app;

struct nj_app_config {
    struct nj_config *config; // a reference is taken
    struct nj_loop *loop;
    struct nj_log *log;
    // Makes a fresh snapshot for a reload; may be NULL.
    int (*reload)(void *context, struct nj_config **out, struct nj_error *err);
    void *context;
};

// All option groups of the program, NULL-terminated, in the order of the documents.
const struct nj_option_group *const *nj_app_option_groups(void);

struct nj_log_settings { // group "log"
    int level;           // enum nj_log_level
    int format;          // enum nj_log_format
    const char *file_path;
    int64_t file_max_bytes, file_backup_count;
};
const struct nj_log_settings *nj_app_log_settings(const struct nj_config *config);

struct nj_program_settings { // group "app"
    const char *media_folder;
    nj_us drain_us;
    nj_us service_check_us;
};
const struct nj_program_settings *nj_app_program_settings(const struct nj_config *config);

int nj_app_create(const struct nj_app_config *config, struct nj_app **out, struct nj_error *err);
// Starts the services of the visible table, in order; undoes what was started on failure.
int nj_app_start(struct nj_app *app, struct nj_error *err);
int nj_app_port(const struct nj_app *app);
// Begins to stop: sources, then the queues with what is in flight and the open batches, then the
// rest in reverse order. `done` on the loop thread at the end; the second call hurries.
void nj_app_stop(struct nj_app *app, void (*done)(void *arg), void *arg);
// SIGHUP: what is reloadable changes; on error the old configuration stays and the log says why.
void nj_app_reload(struct nj_app *app);
void nj_app_destroy(struct nj_app *app);

#endif
