// SPDX-License-Identifier: Apache-2.0
// What commands share: flags, values, configuration.
#include "cli/cli.h"

#include "app/app.h"
#include "util/mem.h"
#include "util/nearest.h"
#include "util/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PORT_SET_SIZE = 64 };

int nj_cli_fail(const char *command, int code, const char *text)
{
    fprintf(stderr, "nightjar %s: %s\n", command, text);
    return code;
}

struct nj_log *nj_cli_log(void)
{
    const struct nj_log_options options = {.level = NJ_LOG_WARNING, .format = NJ_LOG_TEXT};
    struct nj_log *log = NULL;
    (void)nj_log_create(&options, nj_clock_real(), &log, NULL);
    return log;
}

int nj_cli_unknown(const char *command, const char *word, const char *const *names)
{
    const char *blank = command[0] != '\0' ? " " : "";
    struct nj_nearest nearest;
    nj_nearest_begin(&nearest, word);
    for (; *names != NULL; names++)
        nj_nearest_consider(&nearest, *names, *names);
    const bool near = nearest.best[0] != '\0';
    fprintf(stderr, "nightjar%s%s: no command '%s'%s%s%s; see nightjar%s%s --help\n", blank,
            command, word, near ? ", did you mean '" : "", nearest.best, near ? "'" : "", blank,
            command);
    return NJ_EXIT_USAGE;
}

static void take_out(int *argc, char **argv, int index, int count)
{
    memmove(argv + index, argv + index + count, (size_t)(*argc - index - count + 1) * sizeof *argv);
    *argc -= count;
}

bool nj_cli_flag(int *argc, char **argv, const char *flag)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], flag) != 0)
            continue;
        take_out(argc, argv, i, 1);
        return true;
    }
    return false;
}

bool nj_cli_help(int *argc, char **argv)
{
    bool asked = false;
    while (nj_cli_flag(argc, argv, "--help") || nj_cli_flag(argc, argv, "-h"))
        asked = true;
    return asked;
}

const char *nj_cli_value(int *argc, char **argv, const char *flag)
{
    size_t length = strlen(flag);
    for (int i = 1; i < *argc; i++) {
        if (strncmp(argv[i], flag, length) != 0)
            continue;
        if (argv[i][length] == '=') {
            const char *value = argv[i] + length + 1;
            take_out(argc, argv, i, 1);
            return value;
        }
        if (argv[i][length] != '\0')
            continue;
        const char *value = i + 1 < *argc ? argv[i + 1] : "";
        take_out(argc, argv, i, i + 1 < *argc ? 2 : 1);
        return value;
    }
    return NULL;
}

int nj_cli_check_rest(const char *command, int argc, char **argv, bool takes_names,
                      struct nj_error *err)
{
    for (int i = 1; i < argc; i++) {
        if (!takes_names || (argv[i][0] == '-' && argv[i][1] != '\0'))
            return nj_error_set(err, NJ_E_INVALID, "no option '%s'; see nightjar %s --help",
                                argv[i], command);
    }
    return 0;
}

int nj_cli_config_parse(int *argc, char **argv, struct nj_cli_config *out, struct nj_error *err)
{
    *out = (struct nj_cli_config){0};
    out->sets = calloc((size_t)*argc + 1, sizeof *out->sets);
    if (out->sets == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    out->file = nj_cli_value(argc, argv, "--config");
    if (out->file != NULL && out->file[0] == '\0')
        return nj_error_set(err, NJ_E_INVALID, "--config needs a file");
    if (out->file != NULL && nj_cli_value(argc, argv, "--config") != NULL)
        return nj_error_set(err, NJ_E_INVALID, "--config is given twice");
    for (const char *set; (set = nj_cli_value(argc, argv, "--set")) != NULL;) {
        if (strchr(set, '=') == NULL)
            return nj_error_set(
                err, NJ_E_INVALID,
                "--set needs group.name=value, not '%s'; see 'nightjar config help'", set);
        out->sets[out->set_count++] = set;
    }
    return 0;
}

void nj_cli_config_finish(struct nj_cli_config *config)
{
    free(config->sets);
    *config = (struct nj_cli_config){0};
}

// Names that the tree's own tools read; they are no settings of the program.
static bool is_tool_name(const char *variable)
{
    static const char *const names[] = {
        "NIGHTJAR_MODEL_DIR=", "NIGHTJAR_MOT_DIR=", "NIGHTJAR_MEDIA_DIR="};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

// Older set-ups of the detector worker choose its port by these names; "" when none is chosen.
static int worker_port(char out[PORT_SET_SIZE], struct nj_error *err)
{
    static const struct {
        const char *name, *port;
    } rows[] = {
        {"production", "8000"}, {"prod", "8000"},        {"staging", "8001"},
        {"dev", "8001"},        {"development", "8001"}, {"debug", "8001"},
    };
    const char *port = getenv("DETECTOR_WORKER_PORT"), *where = getenv("DETECTOR_WORKER_ENV");
    out[0] = '\0';
    if (port != NULL && port[0] != '\0') {
        int64_t number = 0;
        if (nj_text_to_int(port, &number) != 0 || number < 0 || number > UINT16_MAX)
            return nj_error_set(err, NJ_E_INVALID,
                                "environment DETECTOR_WORKER_PORT: must be a port, 0 to 65535");
        snprintf(out, PORT_SET_SIZE, "http.port=%d", (int)number);
        return 0;
    }
    if (where == NULL || where[0] == '\0')
        return 0;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        if (strcmp(rows[i].name, where) != 0)
            continue;
        snprintf(out, PORT_SET_SIZE, "http.port=%s", rows[i].port);
        return 0;
    }
    return nj_error_set(err, NJ_E_INVALID,
                        "environment DETECTOR_WORKER_ENV: must be production, staging or dev");
}

int nj_cli_config_load(const struct nj_cli_config *config, struct nj_config **out,
                       struct nj_error *err)
{
    size_t count = 0, kept = 0;
    while (environ[count] != NULL)
        count++;
    const char **variables = calloc(count + 1, sizeof *variables);
    char port[PORT_SET_SIZE];
    const char *defaults[] = {NULL, NULL};
    if (variables == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    for (size_t i = 0; i < count; i++)
        if (!is_tool_name(environ[i]))
            variables[kept++] = environ[i];
    int rc = worker_port(port, err);
    defaults[0] = rc == 0 && port[0] != '\0' ? port : NULL;
    struct nj_config_input input = {
        .groups = nj_app_option_groups(),
        .file_path = config->file,
        .environment = variables,
        .sets = config->sets,
        .defaults = defaults,
    };
    if (rc == 0)
        rc = nj_config_load(&input, out, err);
    free(variables);
    return rc;
}
