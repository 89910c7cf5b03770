# cmake -DSOURCE=... -DHEADER=... -P StampCommit.cmake: the commit that is built, into a header that is touched only
# when it changes.
set(commit "")
# Not the commit of a repository that an unpacked archive happens to lie in.
if(EXISTS "${SOURCE}/.git")
  execute_process(COMMAND git --no-optional-locks describe --always --dirty --abbrev=12 --exclude=*
    WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT commit)
  set(commit unknown)
endif()
set(text "#pragma once\n#define PURSER_COMMIT \"${commit}\"\n")
set(before "")
if(EXISTS "${HEADER}")
  file(READ "${HEADER}" before)
endif()
if(NOT text STREQUAL before)
  file(WRITE "${HEADER}" "${text}")
endif()
