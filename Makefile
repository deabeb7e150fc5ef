# SPDX-License-Identifier: Apache-2.0
# Forwards the target names people type by habit to ./dev.
TARGETS := setup build run demo test lint format bench fuzz coverage clean
.PHONY: all dev staging $(TARGETS)
all: build
$(TARGETS):
	@./dev $@
dev:
	@./dev run --debug
staging:
	@./dev run --staging
