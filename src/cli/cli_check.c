// SPDX-License-Identifier: Apache-2.0
// nightjar check: says what would stop a start or detection, without starting: configuration,
// address, folders, cameras, store and detector, each with what to do.
#include "app/app.h"
#include "cli/cli.h"
#include "detect/detect.h"
#include "http/http.h"
#include "sources/folder.h"
#include "sources/sources.h"
#include "storage/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FOUND_SIZE = 512 };

// Each writes what it found into `found`, where that says more than "ok".
static int check_address(const struct nj_config *config, char found[FOUND_SIZE],
                         struct nj_error *err)
{
    const struct nj_http_server_options *server =
        nj_config_get(config, &nj_http_server_option_group);
    snprintf(found, FOUND_SIZE, "%s, port %lld", server->host, (long long)server->port);
    return nj_api_check_address(nj_config_get(config, &nj_api_option_group), server, err);
}

// A folder that is not there yet is made at the start.
static int check_folder(const struct nj_config *config, char found[FOUND_SIZE],
                        struct nj_error *err)
{
    const struct nj_folder_options *folder = nj_config_get(config, &nj_folder_option_group);
    bool there = access(folder->root, R_OK | X_OK) == 0;
    if (there || errno == ENOENT) {
        snprintf(found, FOUND_SIZE, "%s%s", folder->root, there ? "" : ", made at the start");
        return 0;
    }
    return nj_error_errno(err, errno, "folder.root: '%s' cannot be read", folder->root);
}

// The form of each entry of the list; whether a camera answers is its own trouble, at any time.
static int check_cameras(const struct nj_config *config, char found[FOUND_SIZE],
                         struct nj_error *err)
{
    const struct nj_sources_options *sources = nj_config_get(config, &nj_sources_option_group);
    const struct nj_object_list *list = &sources->list;
    const struct nj_source_entry *entries = list->items;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < list->count; i++) {
        struct nj_source *source = NULL;
        rc = nj_source_create(
            &(struct nj_source_config){.entry = &entries[i], .clock = nj_clock_real()}, &source,
            err);
        nj_source_destroy(source);
        for (size_t j = 0; rc == 0 && j < i; j++)
            if (strcmp(entries[i].id, entries[j].id) == 0)
                rc = nj_error_set(err, NJ_E_INVALID, "sources.list: the id %s is given twice",
                                  entries[i].id);
    }
    if (rc == 0)
        snprintf(found, FOUND_SIZE, "%zu in sources.list", list->count);
    return rc;
}

static int check_store(const struct nj_config *config, char found[FOUND_SIZE], struct nj_error *err)
{
    const struct nj_store_options *options = nj_config_get(config, &nj_store_option_group);
    struct nj_store *store = NULL;
    snprintf(found, FOUND_SIZE, "%s", options->path);
    int rc = nj_store_open(options, nj_clock_real(), &store, err);
    nj_store_close(store);
    return rc;
}

// Loads the model; a detector service is asked whether it could work now.
static int check_detector(const struct nj_config *config, char found[FOUND_SIZE],
                          struct nj_error *err)
{
    struct nj_detector *detector = NULL;
    struct nj_detector_thread *thread = NULL;
    struct nj_log *log = nj_cli_log();
    struct nj_detector_config settings = {.options = nj_config_get(config, &nj_detect_option_group),
                                          .clock = nj_clock_real(),
                                          .log = log};
    int rc = nj_detector_create(&settings, &detector, err);
    if (rc == 0)
        rc = nj_detector_thread_create(detector, &thread, err);
    if (rc == 0)
        rc = nj_detector_probe(thread, err);
    if (rc == 0)
        snprintf(found, FOUND_SIZE, "%s on %s", nj_detector_model(detector)->name,
                 nj_detector_device(detector));
    nj_detector_thread_destroy(thread);
    nj_detector_destroy(detector);
    nj_log_destroy(log);
    return rc;
}

static const struct check {
    const char *name;
    int (*run)(const struct nj_config *config, char found[FOUND_SIZE], struct nj_error *err);
} checks[] = {
    {"address", check_address}, {"upload folder", check_folder}, {"cameras", check_cameras},
    {"store", check_store},     {"detector", check_detector},
};

static int run_checks(const struct nj_config *config)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        struct nj_error err = {0};
        char found[FOUND_SIZE] = "";
        int rc = checks[i].run(config, found, &err);
        printf("%-14s %s: %s\n", checks[i].name, rc == 0 ? "ok" : "FAILED",
               rc == 0 ? found : err.text);
        failed |= rc != 0;
    }
    return failed ? NJ_EXIT_FAILED : NJ_EXIT_OK;
}

int nj_cli_check(int argc, char **argv)
{
    struct nj_cli_config cli;
    struct nj_config *config = NULL;
    struct nj_error err = {0};
    int rc = nj_cli_config_parse(&argc, argv, &cli, &err);
    if (rc == 0)
        rc = nj_cli_check_rest("check", argc, argv, false, &err);
    if (rc == 0)
        rc = nj_cli_config_load(&cli, &config, &err);
    int code = NJ_EXIT_USAGE;
    if (rc == 0) {
        printf("%-14s ok\n", "configuration");
        code = run_checks(config);
    } else {
        nj_cli_fail("check", code, err.text);
    }
    nj_config_unref(config);
    nj_cli_config_finish(&cli);
    return code;
}
