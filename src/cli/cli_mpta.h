// SPDX-License-Identifier: Apache-2.0
// What the files of `nightjar mpta` share.
#ifndef NJ_CLI_CLI_MPTA_H
#define NJ_CLI_CLI_MPTA_H

#include "cli/cli.h"
#include "archives/archive.h"

enum { NJ_CLI_FOLDER_MAX = 512 };

// A folder of our own for the time of a command; removed with what is in it.
struct nj_cli_folder {
    char path[NJ_CLI_FOLDER_MAX]; // "" none
};
int nj_cli_folder_make(struct nj_cli_folder *out, struct nj_error *err);
void nj_cli_folder_remove(struct nj_cli_folder *folder); // accepts none

// The whole of `nightjar mpta WORD`: what it does with its options read. `argv`
// holds what is left, argv[0] being the word. Returns the exit code; a failure that fills `err` is
// printed by the caller.
struct nj_cli_mpta {
    const struct nj_config *config;
    struct nj_archive_options archives; // with a cache of the command's own
    const char *out, *models, *keep;    // -o, --models, --keep; NULL: not given
    bool json, actions;
};
int nj_cli_mpta_pack(const struct nj_cli_mpta *mpta, int argc, char **argv, struct nj_error *err);
int nj_cli_mpta_check(const struct nj_cli_mpta *mpta, int argc, char **argv, struct nj_error *err);
int nj_cli_mpta_convert(const struct nj_cli_mpta *mpta, int argc, char **argv,
                        struct nj_error *err);
int nj_cli_mpta_run(const struct nj_cli_mpta *mpta, int argc, char **argv, struct nj_error *err);

#endif
