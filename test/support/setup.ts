import './native-errors';

/** The AWS SDK warns about Node 20 on every start; the supported floor is stated in package.json. */
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
