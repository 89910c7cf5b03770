# The commands a contributor needs; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BUILD ?= build
JOBS ?= $(shell nproc)
CLUSTER := tests/cluster/cluster.py
# A Go brought by install-go.sh, for machines without one.
export PATH := $(PATH):$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/purser/go/bin

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: deps
deps: ## Install what the build and the tests need (Debian 12)
	tests/support/install-deps.sh

.PHONY: build
build: deps ## Build the operator to build/purser, and the tests
	cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo
	cmake --build $(BUILD) -j $(JOBS)

# Integration tests wait for most of their time: two at once share two cores well. Those on a real node run alone.
TEST_JOBS ?= 2

.PHONY: test
test: build cluster-binaries engine-binaries ## Run every test: unit, integration, end to end
	cd $(BUILD) && ctest --output-on-failure --no-tests=error -j $(TEST_JOBS) $(CTEST_ARGS)

.PHONY: unit
unit: build ## Run the unit tests alone
	cd $(BUILD) && ctest --output-on-failure --no-tests=error -L unit

# What the demo runs and no more: the operator, and Kubernetes with one real node.
DEMO_PROGRAMS := etcd kube-apiserver kubectl kube-controller-manager kube-scheduler helm kubelet kube-proxy pause

.PHONY: demo
demo: ## See the main job end to end on a real cluster (KEEP=1 leaves it running)
	tests/support/install-deps.sh demo
	cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo
	cmake --build $(BUILD) -j $(JOBS) --target purser
	$(if $(PURSER_DEMO_KUBECONFIG),,$(CLUSTER) build $(DEMO_PROGRAMS))
	python3 examples/demo/demo.py $(if $(KEEP),--keep)

.PHONY: ill-mannered
ill-mannered: build ## Stop agents that do not stop as they are asked to, on a real node (4 minutes; needs root)
	cd tests/e2e && PURSER_BINARY=$(abspath $(BUILD))/purser PURSER_TEST_DIRECTORY=$(abspath $(BUILD))/ill-mannered \
	  python3 -B -m unittest -v test_ill_mannered

.PHONY: cluster-binaries
cluster-binaries: deps ## Build the cluster's binaries into the per-user cache
	$(CLUSTER) build

.PHONY: engine-binaries
engine-binaries: deps ## Build a current Prometheus and VictoriaMetrics, to test the reader against (else skipped)
	$(CLUSTER) build prometheus-3 victoria-metrics

.PHONY: older-api-server
older-api-server: deps ## Build an API server of Kubernetes 1.33, to test against (else skipped; several minutes)
	$(CLUSTER) build kube-apiserver-1.33

.PHONY: cluster-up
cluster-up: cluster-binaries ## Start a local cluster; leaves build/cluster/kubeconfig and build/cluster/bin
	$(CLUSTER) up --dir $(BUILD)/cluster --level $(or $(LEVEL),kwok)

.PHONY: cluster-down
cluster-down: ## Stop the local cluster
	$(CLUSTER) down --dir $(BUILD)/cluster

.PHONY: lint
lint: deps ## Check formatting, C++ (clang-tidy), chart, Python, shell and Go
	tests/structure/lint.sh $(BUILD)

.PHONY: format
format: ## Format the C++ sources
	git ls-files 'operator/**.h' 'operator/**.cc' 'tests/**.h' 'tests/**.cc' | xargs clang-format -i

.PHONY: sanitize
sanitize: deps ## Run the unit tests with ASan+UBSan, then with TSan
	for sanitizer in address thread; do \
	  cmake -S . -B $(BUILD)-$$sanitizer -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPURSER_SANITIZE=$$sanitizer; \
	  cmake --build $(BUILD)-$$sanitizer -j $(JOBS) --target unit-tests; \
	  (cd $(BUILD)-$$sanitizer && ctest --output-on-failure --no-tests=error -L unit); \
	done

FUZZ_SECONDS ?= 60

.PHONY: year
year: build ## Simulate YEARS (200) years of budgets of every kind, and one of 1,000 at once, against a list added up by hand
	PURSER_SEEDS="1 $(or $(YEARS),200)" $(BUILD)/controllers-test --gtest_filter='BudgetOracleTest.*'
	PURSER_YEARS="1 1 1000" $(BUILD)/budget_year_test

.PHONY: fuzz
fuzz: deps ## Fuzz everything the operator reads, FUZZ_SECONDS (60) for each target
	cmake -S . -B $(BUILD)-fuzz -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER=clang++ -DPURSER_FUZZ=ON
	cmake --build $(BUILD)-fuzz -j $(JOBS) --target fuzz-targets
	tests/fuzz/run.sh $(BUILD)-fuzz $(FUZZ_SECONDS)

.PHONY: coverage
coverage: deps ## Unit line coverage of policy, ledger and money (at least 95 %)
	cmake -S . -B $(BUILD)-coverage -G Ninja -DCMAKE_BUILD_TYPE=Debug -DPURSER_COVERAGE=ON
	cmake --build $(BUILD)-coverage -j $(JOBS) --target money_test policy_test ledger_test ledger_store_test ledger_sqlite_test
	cd $(BUILD)-coverage && ctest -R '^(money|policy|ledger).*_test$$' --output-on-failure --no-tests=error
	gcovr --root . --object-directory $(BUILD)-coverage --filter operator/policy/ --filter operator/ledger/ \
	  --filter operator/money/ --exclude-throw-branches --fail-under-line 95 $(BUILD)-coverage

.PHONY: bench
bench: build cluster-binaries ## Measure, beside a plain controller-runtime operator; figures in tests/bench/README.md
	tests/bench/run.py

.PHONY: image
image: build ## Make the image purser:VERSION as build/purser-image.tar (docker load, kind load, ctr import)
	examples/demo/make-image.sh $(BUILD)/purser $(BUILD)/purser-image.tar

.PHONY: clean
clean: ## Remove what was built
	rm -rf $(BUILD) $(BUILD)-address $(BUILD)-thread $(BUILD)-coverage $(BUILD)-fuzz
