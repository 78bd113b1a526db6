"""unittest: cases, sub-tests, mocks, failures that are expected."""
import io
import unittest
from unittest import mock


class Numbers(unittest.TestCase):
    def setUp(self):
        self.values = list(range(100))

    def test_many(self):
        for value in self.values:
            with self.subTest(value=value):
                self.assertIn(value, self.values)

    def test_mock(self):
        for _ in range(20):
            thing = mock.MagicMock(name="thing")
            thing.do(1, key=[2]).again()
            thing.do.assert_called_once_with(1, key=[2])

    def test_error(self):
        with self.assertRaisesRegex(ValueError, "invalid literal"):
            int("x")

    @unittest.expectedFailure
    def test_difference(self):
        self.assertEqual(self.values, self.values[::-1])


suite = unittest.TestSuite()
for _ in range(25):
    suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(Numbers))
result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
assert result.wasSuccessful() and len(result.expectedFailures) == 25
print("unit_tests:", result.testsRun)
