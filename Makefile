# Innkeeper's commands for people. `make` alone lists them.
#
# DATA=DIR    where the front end keeps everything (default: INN_DATA, else /var/lib/innkeeper)
# PURGE=1     with `make down`: remove that folder too
# TESTS=...   with `make test` and `make test-fast`: only these paths, or any pytest arguments

SHELL := /bin/bash
INN := .venv/bin/inn
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest
MACHINE := tests/real/machine.sh
ifdef DATA
export INN_DATA := $(abspath $(DATA))
endif

# What the tests build is kept for the next time in the source tree, not in the machine's cache.
test test-debian test-arch test-ceph test-xen test-fresh image: export INN_CACHE ?= $(CURDIR)/build/cache

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev up down status lint test test-fast test-fresh test-debian test-arch test-ceph test-xen bench lock image clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup: ## install what running needs (Debian packages, .venv); does nothing when all is there
	@scripts/setup.sh

setup-dev: ## install what the tests need besides
	@scripts/setup.sh --dev

up: setup ## a working cloud on this machine: front end, host, network, image and a first guest
	@$(INN) up

down: ## stop the guests and the front end; with PURGE=1 remove their data too
	@if [ -x $(INN) ]; then $(INN) down $(if $(PURGE),--purge); \
	else echo "nothing to take down: .venv is not there (make setup)"; fi

status: ## what runs here
	@$(INN) status

lint: setup-dev ## ruff (rules and format) and mypy
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

# One pytest run, each worker on a machine of its own: namespaces in which nothing of this machine but
# its files is seen, and of which nothing is left (so the image is fetched and built before). Real tests
# wait for guests a third of their time: two workers begin with theirs, the third does the pure ones.
test: lint image ## everything: lint and all tests, real guests included (root)
	$(PYTEST) --tx '3*popen//python=$(MACHINE) $(PYTHON)' --dist loadgroup $(TESTS)

# A test's machine reaches no network: what its guests boot from is built before.
test-debian: setup-dev image ## a whole Debian guest with cloud-init reads our context (minutes)
	@guest/build-debian.sh build/debian.qcow2
	INN_TEST_DEBIAN=1 $(MACHINE) $(PYTEST) tests/guest/test_real_debian.py tests/real/test_debian.py

test-fresh: setup-dev ## `make up` on a bare Debian 12, without and with systemd (minutes; fetches packages; takes port 2633)
	tests/real/fresh.sh
	tests/real/fresh.sh --systemd

test-arch: setup-dev image ## a guest of another architecture (aarch64) under emulation; installs what that needs
	@scripts/setup.sh --arm
	@guest/build-arm.sh build/arm.qcow2
	INN_TEST_ARCH=1 $(MACHINE) $(PYTEST) tests/real/test_arm.py

test-ceph: setup-dev image ## guests on a real Ceph, started for the test; installs what that needs
	@scripts/setup.sh --ceph
	INN_TEST_CEPH=1 $(MACHINE) $(PYTEST) -m real tests/host/disks/test_real_rbd.py tests/real/test_ceph.py

test-xen: SHELL := /bin/bash -o pipefail
test-xen: setup-dev image ## a host under Xen, built and booted (minutes), and a guest on it; its log stays in build/test-xen.log
	@guest/build-xen.sh build/xen.qcow2
	INN_TEST_XEN=1 $(MACHINE) $(PYTEST) -v tests/real/test_xen.py 2>&1 | tee build/test-xen.log

test-fast: setup-dev ## the tests that take no guest and little time
	$(PYTEST) -n 2 --dist loadgroup -m "not real and not slow" $(TESTS)

bench: setup-dev ## the measurements under bench/ (minutes)
	@for each in bench/micro_*.py bench/bench_*.py; do echo "== $$each"; .venv/bin/python $$each || exit 1; done

lock: setup-dev ## pin the Python packages anew after a change in pyproject.toml
	@scripts/lock.sh

image: setup ## build the small guest image alone (build/tiny.qcow2)
	@guest/build-image.sh build/tiny.qcow2

clean: ## remove what the tools left in the source tree (not .venv)
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests bench -name __pycache__ -prune -exec rm -rf {} +
