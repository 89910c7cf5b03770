# cmake -DSOURCE=... -DWORK=... -DPAGE=... -DNPM=... -DNODE=... -P bundle.cmake: bundles the page in WORK. Where the registry
# cannot be reached the binary is built without its page, which the page says.
file(MAKE_DIRECTORY ${WORK})
file(COPY ${SOURCE}/package.json ${SOURCE}/package-lock.json ${SOURCE}/tsconfig.json ${SOURCE}/build.mjs DESTINATION ${WORK})
file(REMOVE_RECURSE ${WORK}/src)
file(COPY ${SOURCE}/src DESTINATION ${WORK})
execute_process(COMMAND ${NPM} ci --no-audit --no-fund --prefer-offline --loglevel=error
  WORKING_DIRECTORY ${WORK} RESULT_VARIABLE failed OUTPUT_QUIET)
if(NOT failed)
  execute_process(COMMAND ${NODE} build.mjs ${PAGE} WORKING_DIRECTORY ${WORK} COMMAND_ERROR_IS_FATAL ANY)
else()
  message(WARNING "npm cannot bring what the live page is made of: this binary is built without it")
  file(COPY_FILE ${SOURCE}/unbuilt.cc ${PAGE})
endif()
