// SPDX-License-Identifier: Apache-2.0
// nightjar run: the daemon in the foreground. SIGTERM and SIGINT drain and stop, a second one
// hurries, SIGHUP reloads. A stop that hangs (a disk that does not answer) is ended by force: what
// was accepted is durable.
#include "app/app.h"
#include "cli/cli.h"
#include "util/build_info.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

enum {
    SIGNAL_COUNT = 3,
    STOP_REST_S = 30, // beyond the drain: connections, threads and the store's last checkpoint
};

struct daemon {
    struct nj_cli_config cli;
    struct nj_config *config;
    struct nj_log *log;
    struct nj_loop *loop;
    struct nj_app *app;
    uv_signal_t signals[SIGNAL_COUNT];
    size_t signals_open;
};

static int load_again(void *context, struct nj_config **out, struct nj_error *err)
{
    const struct daemon *daemon = context;
    return nj_cli_config_load(&daemon->cli, out, err);
}

static void handle_signal_closed(uv_handle_t *handle)
{
    struct daemon *daemon = handle->data;
    daemon->signals_open -= 1;
    if (daemon->signals_open == 0)
        nj_loop_stop(daemon->loop);
}

static void ignore_signals(struct daemon *daemon)
{
    size_t open = daemon->signals_open;
    for (size_t i = 0; i < open; i++)
        uv_close((uv_handle_t *)&daemon->signals[i], handle_signal_closed);
}

static void handle_stopped(void *arg)
{
    ignore_signals(arg);
}

static void end_by_force(int number)
{
    static const char text[] =
        "nightjar: the stop hangs, ended by force; nothing accepted is lost\n";
    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(NJ_EXIT_FAILED);
}

// By the kernel's timer, because the threads that hang cannot be waited for.
static void limit_stop(const struct daemon *daemon)
{
    nj_us drain_us = nj_app_program_settings(daemon->config)->drain_us;
    signal(SIGALRM, end_by_force);
    (void)alarm((unsigned)(drain_us / NJ_US_PER_S) + STOP_REST_S);
}

static void handle_signal(uv_signal_t *handle, int number)
{
    struct daemon *daemon = handle->data;
    if (number == SIGHUP) {
        nj_app_reload(daemon->app);
    } else {
        limit_stop(daemon);
        nj_app_stop(daemon->app, handle_stopped, daemon);
    }
}

static void watch_signals(struct daemon *daemon)
{
    static const int numbers[SIGNAL_COUNT] = {SIGTERM, SIGINT, SIGHUP};
    signal(SIGPIPE, SIG_IGN); // a client that goes away is an error of its connection
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        uv_signal_init(nj_loop_uv(daemon->loop), &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        daemon->signals_open += 1;
        uv_signal_start(&daemon->signals[i], handle_signal, numbers[i]);
    }
}

static int make_log(struct daemon *daemon, struct nj_error *err)
{
    const struct nj_log_settings *settings = nj_app_log_settings(daemon->config);
    struct nj_log_options options = {
        .level = (enum nj_log_level)settings->level,
        .format = (enum nj_log_format)settings->format,
        .file_path = settings->file_path[0] != '\0' ? settings->file_path : NULL,
        .file_max_bytes = settings->file_max_bytes,
        .file_backup_count = (int)settings->file_backup_count,
        .build = nj_build_stamp(),
    };
    return nj_log_create(&options, nj_clock_real(), &daemon->log, err);
}

static int start(struct daemon *daemon, struct nj_error *err)
{
    int rc = make_log(daemon, err);
    if (rc == 0)
        rc = nj_loop_create(nj_clock_real(), &daemon->loop, err);
    struct nj_app_config config = {.config = daemon->config,
                                   .loop = daemon->loop,
                                   .log = daemon->log,
                                   .reload = load_again,
                                   .context = daemon};
    if (rc == 0)
        rc = nj_app_create(&config, &daemon->app, err);
    if (rc != 0)
        return rc;
    watch_signals(daemon); // those that come while starting are obeyed right after it
    rc = nj_app_start(daemon->app, err);
    if (rc != 0)
        ignore_signals(daemon);
    return rc;
}

static void finish(struct daemon *daemon)
{
    nj_app_destroy(daemon->app);
    if (daemon->loop != NULL)
        while (nj_loop_turn(daemon->loop) > 0) {
        }
    nj_loop_destroy(daemon->loop);
    nj_log_destroy(daemon->log);
    nj_config_unref(daemon->config);
    nj_cli_config_finish(&daemon->cli);
}

int nj_cli_run(int argc, char **argv)
{
    struct daemon daemon = {0};
    struct nj_error err = {0};
    int code = NJ_EXIT_USAGE;
    int rc = nj_cli_config_parse(&argc, argv, &daemon.cli, &err);
    if (rc == 0)
        rc = nj_cli_check_rest("run", argc, argv, false, &err);
    if (rc == 0)
        rc = nj_cli_config_load(&daemon.cli, &daemon.config, &err);
    if (rc == 0) {
        code = NJ_EXIT_FAILED;
        rc = start(&daemon, &err);
    }
    if (rc == 0)
        nj_loop_run(daemon.loop);
    finish(&daemon);
    return rc == 0 ? NJ_EXIT_OK : nj_cli_fail("run", code, err.text);
}
