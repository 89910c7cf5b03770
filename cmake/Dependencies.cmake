# Every third-party library, in one place. Who may link which is decided in operator/*/CMakeLists.txt.
include(RequireVersion)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Boost REQUIRED)
find_package(cpprestsdk REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(date REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(GTest REQUIRED)
find_package(Protobuf REQUIRED)

# Its CMake package tells no version, its pkg-config file does.
find_package(PkgConfig REQUIRED)
pkg_check_modules(PROMETHEUS_CPP REQUIRED prometheus-cpp-core)
# It tells no version at all.
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)

# NAME FOUND AT_LEAST BELOW: the next version that may change what is used.
set(purser_libraries
  "OpenSSL ${OPENSSL_VERSION} 3.0 4"
  "Boost ${Boost_VERSION_STRING} 1.74 2"
  "cpprestsdk ${cpprestsdk_VERSION} 2.10 2.11"  # the workarounds in net/cpprest are for these
  "yaml-cpp ${yaml-cpp_VERSION} 0.7 1"
  "spdlog ${spdlog_VERSION} 1.10 2"
  "prometheus-cpp ${PROMETHEUS_CPP_VERSION} 1.0 2"
  "nlohmann-json ${nlohmann_json_VERSION} 3.11 4"
  "simdjson ${simdjson_VERSION} 3.0 4"
  "SQLite ${SQLite3_VERSION} 3.40 4"
  "protobuf ${Protobuf_VERSION} 3.21 3.22"  # later ones bring Abseil
  "date ${date_VERSION} 3.0 4"
  "CLI11 ${CLI11_VERSION} 2.1 3"
  "zlib ${ZLIB_VERSION_STRING} 1.2 2")
set(PURSER_LIBRARIES "")  # one a line, for `purser version`
foreach(library IN LISTS purser_libraries)
  string(REPLACE " " ";" library "${library}")
  list(GET library 0 name)
  list(GET library 1 found)
  list(GET library 2 at_least)
  list(GET library 3 below)
  purser_require_version("${name}" "${found}" "${at_least}" "${below}")
  string(APPEND PURSER_LIBRARIES "${name} ${found}\\n")
endforeach()
