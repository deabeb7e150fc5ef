// SPDX-License-Identifier: Apache-2.0
// nightjar config: documents made from the option tables, and the configuration in force.
#include "app/app.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

// The documents are generated from tables; this bound only stops a mistake.
enum { DOCUMENT_MAX = 4 * 1024 * 1024 };

static int print_show(int argc, char **argv, struct nj_buf *out, struct nj_error *err)
{
    struct nj_cli_config cli;
    struct nj_config *config = NULL;
    int rc = nj_cli_config_parse(&argc, argv, &cli, err);
    if (rc == 0)
        rc = nj_cli_check_rest("config", argc - 1, argv + 1, false, err);
    if (rc == 0)
        rc = nj_cli_config_load(&cli, &config, err);
    if (rc == 0)
        nj_config_to_json(config, out);
    nj_config_unref(config);
    nj_cli_config_finish(&cli);
    return rc;
}

int nj_cli_config(int argc, char **argv)
{
    static const char *const names[] = {"example", "markdown", "help", "show", NULL};
    const char *what = argc > 1 ? argv[1] : "help";
    struct nj_error err = {0};
    struct nj_buf out;
    nj_buf_init(&out, DOCUMENT_MAX);
    int rc = 0;
    if (argc > 2 && strcmp(what, "show") != 0)
        rc = nj_cli_check_rest("config", argc - 1, argv + 1, false, &err);
    else if (strcmp(what, "example") == 0)
        nj_config_example(nj_app_option_groups(), &out);
    else if (strcmp(what, "markdown") == 0)
        nj_config_markdown(nj_app_option_groups(), &out);
    else if (strcmp(what, "help") == 0)
        nj_config_help(nj_app_option_groups(), &out);
    else if (strcmp(what, "show") == 0)
        rc = print_show(argc, argv, &out, &err);
    else
        return nj_cli_unknown("config", what, names); // nothing was written yet
    if (rc == 0 && nj_buf_failed(&out) == 0)
        fwrite(out.data, 1, out.length, stdout);
    nj_buf_finish(&out);
    return rc == 0 ? NJ_EXIT_OK : nj_cli_fail("config", NJ_EXIT_USAGE, err.text);
}
